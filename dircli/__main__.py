"""``python -m dircli``: the command line."""

from __future__ import annotations

from dircli.cli import main

if __name__ == "__main__":
    main()
