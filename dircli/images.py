"""Whether the images behind a manifest can be read: each is opened and its structure checked, in parallel."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from dircli.errors import DirError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dircli.sources import Raw

BATCH = 4096


def unreadable(raw: Raw, ids: Iterable[str], *, workers: int | None = None) -> Iterator[tuple[str, str]]:
    """Each of ``ids`` whose image is missing or cannot be read, with the reason, in the order of ``ids``.

    An id is the path of an image, in the source or at the end of a longer path there. Memory does not grow with the
    number of ids.
    """
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        rows = iter(ids)
        while batch := list(islice(rows, BATCH)):
            reasons = pool.map(lambda key: _reason(raw, key), batch)
            yield from ((key, reason) for key, reason in zip(batch, reasons, strict=True) if reason)


def _reason(raw: Raw, key: str) -> str:
    """Why the image of ``key`` cannot be read; empty where it can."""
    from PIL import Image, UnidentifiedImageError

    try:
        member = raw.find(key)
        if member is None:
            return "missing"
        with raw.open(member) as stream, warnings.catch_warnings():
            warnings.simplefilter("error")
            image = Image.open(stream)
            if min(image.size) < 1:
                return f"size {image.size[0]} x {image.size[1]}"
            image.verify()
    except UnidentifiedImageError:
        return "no image"
    except (OSError, SyntaxError, ValueError, Warning, DirError) as error:
        return str(error).splitlines()[0] or type(error).__name__
    return ""
