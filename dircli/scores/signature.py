"""The signature of a result: what it may be compared with."""


def signature(*, name: str, split: str, protocol: str, content: str, n: int, version: str) -> str:  # noqa: PLR0913 - the fields of the signature
    """What a score may be compared with: two scores are comparable if, and only if, their signatures are equal.

    ``content`` is the manifest's, ``sha256:<64 hex digits>``, shortened to 8; of bins alone ``bins:<hex>``.
    """
    kind, _, digest = content.partition(":")
    return f"dir|{name}|{split}|{protocol}|{kind}:{digest[:8]}|n:{n}|v:{version}"


def comparable(signature: str) -> str:
    """The part of a signature that must be equal for scores to compare: all but how intervals were drawn."""
    return "|".join(field for field in signature.split("|") if not field.startswith("ci:"))


def short(signature: str) -> str:
    """A signature for a table's caption: name, split, protocol and content."""
    return "|".join(signature.split("|")[1:5])
