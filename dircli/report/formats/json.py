"""JSON for programs: what `--format json` and `--json` print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dircli.scores.results import Result


def as_text(value: object) -> str:
    """``value`` as indented JSON, keys in their given order, with a newline at the end; NaN is a bug, not a value."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def render(result: Result, decimals: int) -> str:  # noqa: ARG001 - JSON keeps every digit
    """The whole result."""
    return as_text(result.as_json())
