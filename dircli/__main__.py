"""``python -m dircli``: the command line."""

from dircli.cli import main

if __name__ == "__main__":
    main()
