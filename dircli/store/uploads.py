"""Files put to URLs: each whole or not at all; of several that go together, the one that tells of the others last.

Nothing there is renamed in one step, as a folder here is. So where what is there changes, that one is removed first: a
set that was cut off lacks it, and nobody takes it for a whole one. Writing the same again completes the set. Two
writers at once are not kept apart.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, TypeAlias

from dircli.errors import UsageError, sample
from dircli.store.places import Remote, UnreachableError

Source: TypeAlias = bytes | Path  # what is put, or the file of this machine that holds it
State: TypeAlias = Literal["missing", "same", "other"]
BLOCK = 4 << 20  # bytes that are compared at once
TOLD = ".json"
"""How the names of files end that tell of the others in their folder, and are put there after them."""


def state(place: Remote, source: Source) -> State:
    """What is at ``place``, held against ``source``; an empty file is none. UsageError where nobody can look."""
    with _told(place):
        try:
            with place.open() as there, _opened(source) as here:
                size = there.seek(0, io.SEEK_END)
                if not size:
                    return "missing"
                return "same" if size == here.seek(0, io.SEEK_END) and _agree(there, here) else "other"
        except FileNotFoundError:
            return "missing"


def _opened(source: Source) -> IO[bytes]:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _agree(*streams: IO[bytes]) -> bool:
    """Whether two streams of one length hold the same."""
    for stream in streams:
        stream.seek(0)
    while True:
        one, other = (stream.read(BLOCK) for stream in streams)
        if one != other:
            return False
        if not one:
            return True


def put(contents: Mapping[Remote, Source], *, gone: Sequence[Remote] = ()) -> None:
    """Remove what is ``gone``, and put ``contents`` there in their order; UsageError that says how far it came."""
    there: list[str] = []
    removed: list[str] = []
    for place in gone:
        with _told(place, there, removed):
            place.remove()
        removed.append(str(place))
    for place, source in contents.items():
        with _told(place, there, removed):
            place.write_bytes(source) if isinstance(source, bytes) else place.upload(source)
        there.append(str(place))


def put_together(contents: Mapping[Remote, Source], *, states: Mapping[Remote, State], gone: Sequence[Remote]) -> None:
    """`put` for files that go together, of which ``states`` say what is there: the last one is missing meanwhile."""
    *_, last = contents
    changes = {place: source for place, source in contents.items() if states[place] != "same"}
    if len(contents) > 1 and (gone or "other" in states.values()):
        changes[last] = contents[last]
        gone = [last, *gone] if states[last] != "missing" else gone
    put(changes, gone=gone)


def in_order(names: Iterable[str]) -> list[str]:
    """``names`` of files that go together as they are put to a URL: those that tell of the others come last."""
    return sorted(names, key=lambda name: name.endswith(TOLD))


@contextmanager
def _told(place: Remote, there: Sequence[str] = (), removed: Sequence[str] = ()) -> Iterator[None]:
    """Errors of the store in the user's own terms, and which files are ``there`` already, and which are ``removed``."""
    try:
        yield
    except UnreachableError as error:
        reason: object = error.reason
    except OSError as error:
        reason = error.strerror or error
    else:
        return
    states = [(names, state) for names, state in ((there, "there already"), (removed, "removed")) if names]
    so_far = " and ".join(f"{sample(names)} {'is' if len(names) == 1 else 'are'} {state}" for names, state in states)
    again = f"; {so_far}: run it again to complete them" if so_far else ""
    raise UsageError(f"{place}: cannot be written ({reason}){again}")
