"""Where a command writes: a file for each output, none of which it reads, and none that is part of a manifest."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from dircli.errors import InputError, UsageError
from dircli.store import manifests, places

Named: TypeAlias = "tuple[str, Path]"  # an option, or what else messages call a path, and the path


def check_outputs(outputs: Iterable[Named], inputs: Iterable[Named] = ()) -> None:
    """UsageError where two ``outputs`` are one file, or one of them is among ``inputs`` or is part of a manifest.

    So it is where nothing can be written at the URL of an output. A folder among ``inputs`` is all that lies in it.
    Standard output, pipes and devices may take several outputs.
    """
    read = {_place(path): f"{name} {path}" for name, path in inputs}
    taken: dict[Path, str] = {}
    for name, path in outputs:
        if str(path) == "-" or path.is_char_device() or path.is_fifo():
            continue
        places.check_writable(path)
        place, shown = _place(path), f"{name} {path}"
        if place in taken:
            raise UsageError(f"{taken[place]} and {shown} are one file; name a file for each")
        if place in read:
            raise UsageError(f"{shown} would replace what is read as {read[place]}; write elsewhere")
        if above := [read[folder] for folder in place.parents if folder in read and folder.is_dir()]:
            raise UsageError(f"{shown} would stand among the files of {above[0]}, which are all read; write elsewhere")
        if path.name in manifests.PARTS and all(map(_is_there, (path.parent / part for part in manifests.NEEDED))):
            raise UsageError(f"{shown} would replace a part of the manifest in {path.parent}; write elsewhere")
        taken[place] = shown


def input_paths(name: str) -> list[Path]:
    """The files of the input ``name`` that a glob matches; a folder and any other path is itself."""
    if name == "-" or not places.is_glob(name):
        return [Path(name) if name == "-" else places.of(name)]
    try:
        return places.parts(name)
    except InputError:  # which whoever reads it tells of
        return []


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _place(path: Path) -> Path:
    """What two paths to one file have in common, whatever links and dots they go through."""
    return path if places.is_remote(path) else Path(os.path.normcase(os.path.realpath(path)))
