"""Predicted maps: one array (images, H, W) in an npy or HDF5 file, or a folder of 16-bit PNG files.

Read image by image and never whole: an npy file is mapped into memory, or elsewhere read by slices, as HDF5 is. Values
are in the target's unit; a PNG holds whole parts of it (millimetres of a depth). Nothing is ever resized.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from dircli.arrays import AnyArray
from dircli.benchmark.pixels import Frame, Pixels
from dircli.errors import InputError, Problem, clear, first_ten, one_line, sample
from dircli.store import hdf5, npy, parts, places, sniff
from dircli.store.digests import digest_of
from dircli.store.predictions import Predictions

BLOCK = 8  # images at a time
AGAIN = "Write it again"
SAVE = "Write it with np.save"
Block: TypeAlias = Callable[[int, int], AnyArray]  # the images from one number to before another, (n, H, W)


def is_array(path: Path) -> bool:
    """Whether there is an npy or HDF5 file, or a folder, at ``path``."""
    if path.is_dir():
        return True
    with contextlib.suppress(OSError), path.open("rb") as stream:
        return stream.read(8).startswith((sniff.NPY, sniff.HDF5))
    return False


def read(path: Path, pixels: Pixels, frame: Frame, *, dataset: str, positive: bool) -> Predictions:
    """The predictions of ``pixels`` in the maps at ``path``, (N,) in their order; ``dataset`` names one of several.

    Raises InputError with everything that is wrong: another shape or type, missing or surplus images, numbers that are
    none, and with ``positive`` those of 0 or less, counted over whole maps, for a hole anywhere shows a broken writer.
    """
    values = np.empty(len(pixels), dtype=np.float64)
    tallies = np.zeros((2, 2), dtype=np.int64)  # not finite, not positive; of all values, of those that are scored
    try:
        with _opened(path, frame, dataset) as block:
            for start in range(0, len(frame.names), BLOCK):
                images = block(start, min(start + BLOCK, len(frame.names)))
                first, last = np.searchsorted(pixels.image, [start, start + BLOCK])
                at = (pixels.image[first:last] - start, pixels.row[first:last], pixels.col[first:last])
                values[first:last] = images[at]
                for column, part in enumerate((images, images[at])):
                    tallies[:, column] += (np.count_nonzero(~np.isfinite(part)), np.count_nonzero(part <= 0))
    except OSError as error:
        raise InputError(Problem(str(path), f"it cannot be read ({error.strerror or error})", AGAIN)) from None
    words = ("are no finite number", "are 0 or less, and a ratio to the target is scored")
    wrong = [
        f"{every:,} values {what}; {scored:,} of them are at pixels that are scored"
        for (every, scored), what, refused in zip(tallies.tolist(), words, (True, positive), strict=True)
        if every and refused
    ]
    if wrong:
        raise InputError(Problem(str(path), what, "Predict a depth") for what in wrong)
    return Predictions(file=str(path), sha256=_digest(path), values=values)


@contextlib.contextmanager
def _opened(path: Path, frame: Frame, dataset: str) -> Iterator[Block]:
    if path.is_dir():
        yield partial(_decoded, _pngs(path, frame), frame.codes)
        return
    with path.open("rb") as stream:
        head = stream.read(8)
    with contextlib.ExitStack() as stack:
        is_npy = head.startswith(sniff.NPY)
        data = stack.enter_context(npy.opened(path, hint=SAVE)) if is_npy else _hdf5(stack, path, dataset)
        _check(str(path), data, frame)
        yield partial(_sliced, str(path), data)


def _sliced(name: str, data: Any, start: int, stop: int) -> AnyArray:
    try:
        return np.asarray(data[start:stop])
    except OSError as error:
        raise InputError(Problem(name, f"images from {start:,} on cannot be read ({error})", AGAIN)) from None


def _hdf5(stack: contextlib.ExitStack, path: Path, dataset: str) -> Any:
    """The only dataset in the file at ``path``, or the one called ``dataset``; it is open as long as ``stack``."""
    import h5py

    try:
        file = stack.enter_context(hdf5.opened(path))
    except OSError as error:
        raise InputError(Problem(str(path), f"this is no whole HDF5 file ({error})", AGAIN)) from None
    datasets: dict[str, Any] = {}
    file.visititems(lambda name, item: datasets.update({name: item}) if isinstance(item, h5py.Dataset) else None)
    chosen = datasets.get(dataset) or (next(iter(datasets.values())) if len(datasets) == 1 else None)
    if chosen is None:
        names = f"datasets {sample([clear(name) for name in datasets])}" if datasets else "no dataset"
        hint = f"Name one with --prediction-column; {dataset} is looked for"
        raise InputError(Problem(str(path), f"it holds {names}", hint))
    return chosen


def _check(name: str, data: Any, frame: Frame) -> None:
    """InputError where an array is not one number per pixel, in a floating-point type."""
    wanted = (len(frame.names), *frame.shape)
    problems = []
    if tuple(data.shape) != wanted:
        message = f"the array has shape {tuple(data.shape)}, and {wanted} is expected"
        problems.append(Problem(name, message, "Nothing is resized here: give one prediction per pixel of each image"))
    if data.dtype.kind != "f":
        problems.append(Problem(name, f"the array holds {data.dtype}", "Write floating-point numbers, in the unit"))
    if problems:
        raise InputError(problems)


def _pngs(path: Path, frame: Frame) -> list[Path]:
    """The PNG files in a folder, called as the images' own maps are; InputError where one is not as it must be."""
    files = _visible(path)
    known = {_key(file.name): file for file in files}
    wanted = list(map(_key, frame.names))
    problems = []
    if missing := [name for name in frame.names if _key(name) not in known]:
        problems.append(Problem(str(path), f"{len(missing):,} maps are missing: {sample(missing)}"))
    if surplus := [file.name for file in files if _key(file.name) not in set(wanted)]:
        problems.append(Problem(str(path), f"{len(surplus):,} files belong to no image: {sample(surplus)}"))
    paths = [known[key] for key in wanted if key in known]
    wrong = list(filter(None, parts.of_each(partial(_unlike, shape=frame.shape), paths)))
    problems += first_ten(wrong, lambda p: p, lambda n: Problem(str(path), f"{n:,} more files are no such PNG"))
    if problems:
        raise InputError(problems)
    return paths


def _unlike(path: Path, shape: tuple[int, int]) -> Problem | None:
    """Why the file is no grey 16-bit PNG of ``shape`` (H, W); None where it is one."""
    with path.open("rb") as stream:
        header = sniff.png_header(stream.read(sniff.PNG_HEADER))
    if header is None:
        return Problem(str(path), "this is no PNG file", AGAIN)
    width, height, bits, colour = header
    if (height, width, bits, colour) == (*shape, 16, 0):
        return None
    given = f"{width} x {height} pixels of {bits} bits, {'colour' if colour else 'grey'}"
    wanted = f"{shape[1]} x {shape[0]} of 16 bits, grey"
    return Problem(str(path), f"the PNG has {given}; expected {wanted}", "Nothing is resized here")


def _decoded(paths: list[Path], codes: int, start: int, stop: int) -> AnyArray:
    return np.stack([image.astype(np.float64) / codes for image in parts.of_each(_image, paths[start:stop])])


def _image(path: Path) -> AnyArray:
    from PIL import Image

    try:
        with path.open("rb") as stream, Image.open(stream) as image:
            return np.asarray(image)
    except places.UnreachableError:
        raise
    except Exception as error:  # noqa: BLE001 - Pillow answers damage with whatever its parser met
        message = f"the PNG is damaged or cut short ({one_line(error)})"
        raise InputError(Problem(str(path), message, AGAIN)) from None


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in places.within(folder) if not path.name.startswith("."))


def _key(name: str) -> str:
    """What a file is known by: 00001_depth.png and 00001.png are the same."""
    return name.rpartition("/")[2].removesuffix(".png").removesuffix("_depth")


def _digest(path: Path) -> str:
    """The sha256 of a file, ``sha256:<hex>``; of a folder, that of its files' names and hashes in order."""
    if not path.is_dir():
        return digest_of(path, "sha256")
    files = _visible(path)
    digests = zip(parts.of_each(_digest, files), files, strict=True)
    return digest_of(
        (f"{digest.removeprefix('sha256:')}  {file.name}\n".encode() for digest, file in digests), "sha256"
    )
