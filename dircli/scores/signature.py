"""The signature of a result: what it may be compared with."""

SCORING = 1
"""Moves only when a number moves: when the same rows, rules and predictions make another score than before."""

INFORMATION = ("v:", "ci:")
"""How the fields begin that say how a result was made, and not what it may be compared with."""


def signature(  # noqa: PLR0913 - the fields of the signature
    *,
    name: str,
    split: str,
    protocol: str,
    content: str,
    rules: str | None,
    n: int,
    scoring: int | None,
    version: str,
) -> str:
    """What a score may be compared with: two scores compare if, and only if, `comparable` of their signatures is equal.

    ``content`` is the manifest's, ``sha256:<64 hex digits>``, and ``rules`` the digest of what turns its rows into
    scores, both shortened to 8; of targets that came with the predictions ``bins:<hex>``. ``scoring`` is `SCORING`.
    Version 0.1.0 knew neither ``rules`` nor ``scoring``.
    """
    kind, _, digest = content.partition(":")
    fields = [f"dir|{name}|{split}|{protocol}|{kind}:{digest[:8]}"]
    fields += [] if rules is None else [f"rules:{rules.partition(':')[2][:8]}"]
    fields += [f"n:{n}"] + ([] if scoring is None else [f"s:{scoring}"])
    return "|".join([*fields, f"v:{version}"])


def without(signature: str, *beginnings: str) -> str:
    """A signature less the fields that begin so."""
    return "|".join(field for field in signature.split("|") if not field.startswith(beginnings))


def comparable(signature: str) -> str:
    """The part of a signature that must be equal for scores to compare: all that is not `INFORMATION`."""
    return without(signature, *INFORMATION)


def short(signature: str) -> str:
    """A signature for a table's caption: name, split, protocol, content and rules."""
    fields = signature.split("|")[1:]
    return "|".join([*fields[:4], *(field for field in fields[4:] if field.startswith("rules:"))])
