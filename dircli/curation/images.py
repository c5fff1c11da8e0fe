"""Whether the images behind a manifest can be read: each is opened and its structure checked, in parallel."""

import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import IO

from dircli import datasets
from dircli.benchmark.manifest import Manifest, PixelManifest
from dircli.benchmark.raw import Raw, image_of
from dircli.curation.options import CurateOptions
from dircli.curation.provenance import reason
from dircli.datasets import obtain
from dircli.datasets.obtain import DownloadOptions
from dircli.errors import DirError, UsageError
from dircli.store import files, text
from dircli.store.engines import LOCAL, Engine
from dircli.store.places import UnreachableError

JPEG = {"JPEG", "MPO"}
JPEG_END = b"\xff\xd9"
ONE = Lock()


def unreadable(
    raw: Raw,
    ids: Iterable[str],
    *,
    engine: Engine = LOCAL,
    batch: int = 256,
    done: Callable[[int], None] = lambda _n: None,
) -> Iterator[tuple[str, str]]:
    """Each of ``ids`` whose image is missing or cannot be read, with the reason, in the order of ``ids``.

    An id is the path of an image in the source, or the end of one; its first folder may be the source itself. Ids are
    taken a ``batch`` at a time by the ``engine``, and ``done`` is told the size of each.
    """
    work = _reasons if engine.name == "local" else _reasons_elsewhere
    with _strict():
        for size, found in engine.in_order(work, _batches(ids, batch), shared=raw):
            done(size)
            yield from found


def _batches(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    rows = iter(ids)
    while taken := list(islice(rows, size)):
        yield taken


@contextmanager
def _strict() -> Iterator[None]:
    """Warnings of Pillow as they are taken here; the filters are the process's, not a thread's."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as odd metadata of an image that reads well
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _reasons(raw: Raw, ids: Sequence[str]) -> tuple[int, list[tuple[str, str]]]:
    """How many ``ids`` there are; and each whose image cannot be read, with the reason."""
    return len(ids), [(key, why) for key in ids if (why := _reason(raw, key))]


def _reasons_elsewhere(raw: Raw, ids: Sequence[str]) -> tuple[int, list[tuple[str, str]]]:
    """The same in another process; InputError where that does not see the source at all."""
    raw.members()
    with _strict():
        return _reasons(raw, ids)


def _reason(raw: Raw, key: str) -> str:
    """Why the image of ``key`` cannot be read; empty where it can. UnreachableError where nobody knows."""
    try:
        with ONE:  # a tree opens its archives, and hands out their handles, for one thread at a time
            member = image_of(raw, key)
            stream = raw.open(member) if member else None
        if stream is None:
            return "missing"
        try:
            return _damage(stream, raw)
        finally:
            with ONE:
                stream.close()
    except UnreachableError:
        raise
    except (OSError, DirError) as error:
        return reason(error, raw)


def _damage(stream: IO[bytes], raw: Raw) -> str:
    """What keeps Pillow from reading the image in ``stream``; empty where nothing does."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(stream)
        if min(image.size) < 1:
            return f"size {image.size[0]} x {image.size[1]}"
        image.verify()
        if image.format in JPEG:  # of which `verify` sees the header alone
            stream.seek(max(0, stream.seek(0, io.SEEK_END) - len(JPEG_END)))
            if stream.read() != JPEG_END:  # it may be cut off, and only decoding it tells
                stream.seek(0)
                Image.open(stream).load()
    except UnidentifiedImageError:
        return "no image"
    except UnreachableError:
        raise
    except Exception as error:  # noqa: BLE001 - Pillow answers damage with whatever its parser met
        return reason(error, raw)
    return ""


def check_images(  # noqa: PLR0913 - what is checked, and by whom
    manifest: Manifest | PixelManifest,
    options: CurateOptions,
    *,
    root: Path,
    terms: DownloadOptions,
    done: Callable[[int], None],
    engine: Engine = LOCAL,
) -> list[tuple[str, str]]:
    """Open every image of the manifest; those that cannot be read, with the reason, are listed beside it."""
    dataset = datasets.load(str(manifest.facts["dataset"]))
    if not dataset.reader.images:
        raise UsageError(f"{dataset.name} has no images to check")
    with obtain.raw_files(dataset, options.raw, terms, "the images") as tree:
        reasons = list(unreadable(tree, manifest.samples.ids, engine=engine, done=done))
    files.write(
        root / str(manifest.facts["name"]) / "unreadable.csv", text.as_csv([("id", "reason"), *reasons]), force=True
    )
    return reasons
