"""How the depth maps of NYU Depth V2 are read: the PNG of Hu et al.'s archive, or the official MATLAB file.

A training map holds 8-bit codes v, a depth of v / 255 · 10 m; a test map 16-bit codes, millimetres. Both are 640 x 480
and are prepared as the released code does: shorter side to 240 by nearest neighbour, then the centre 304 x 228.
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from itertools import product
from threading import Lock
from typing import IO, Any, cast

import numpy as np

from dircli.arrays import AnyArray
from dircli.benchmark.pixels import Maps, prepared
from dircli.benchmark.raw import Raw
from dircli.errors import DirError, InputError, Problem, first, one_line, sample
from dircli.store.sniff import png_header
from dircli.store.text import decode

WIDTH, HEIGHT = 640, 480
SHORTER, SHAPE = 240, (228, 304)
BOX = (16, 12, 624, 468)  # what of a map its prepared centre stands for: left, top, right, bottom
DEEPEST = 10_000  # millimetres: the end of the bins
GREY = 0
BITS = {"train": 8, "test": 16}
TARGETS = {
    "train": np.arange(1 << 8, dtype=np.float32) / np.float32(255) * np.float32(10),  # as released: both in float32
    "test": np.arange(1 << 16, dtype=np.float32) / np.float32(1000),
}
MAT, SPLITS = "nyu_depth_v2_labeled.mat", "splits.mat"
AGAIN = "Copy or unpack it again"
TRUNCATED = (
    f"test depths come from {MAT}, cut to whole millimetres as in the archive's PNG; that both are equal is not proven"
)


def png(data: bytes, name: str, *, bits: int) -> AnyArray:
    """The prepared codes (228, 304) of a grey PNG of ``bits``; InputError where it is another image, or is damaged."""
    from PIL import Image

    header, wanted = png_header(data), (WIDTH, HEIGHT, bits, GREY)
    if header is None:
        raise InputError(Problem(name, "this is no PNG file", AGAIN))
    if header != wanted:
        words = [f"{w} x {h} pixels, {b} bits, {'grey' if c == GREY else 'colour'}" for w, h, b, c in (header, wanted)]
        raise InputError(Problem(name, f"the PNG is {words[0]}, and a depth map here is {words[1]}", "Never resize it"))
    try:
        image = Image.open(io.BytesIO(data), formats=("PNG",))
        codes = np.asarray(image.resize(SHAPE[::-1], Image.Resampling.NEAREST, box=BOX))  # as `prepared`, but quicker
    except Exception as error:  # noqa: BLE001 - Pillow answers damage with whatever its parser met
        raise InputError(Problem(name, f"the PNG is damaged or cut short ({one_line(error)})", AGAIN)) from None
    return codes if codes.itemsize * 8 == bits else codes.astype(np.uint16)  # older Pillows widen 16 bits to 32


def measured(codes: AnyArray, name: str) -> AnyArray:
    """``codes``, a prepared map; InputError where a pixel of it has no depth, or lies beyond the last bin."""
    if not codes.min():
        what = f"{np.count_nonzero(codes == 0):,} of {codes.size:,} pixels have depth 0"
        raise InputError(Problem(name, what, "Use the depth maps whose holes are filled"))
    if codes.itemsize > 1 and codes.max() > DEEPEST:
        what = f"{np.count_nonzero(codes > DEEPEST):,} pixels are deeper than 10 m, up to {codes.max() / 1000:g} m"
        raise InputError(Problem(name, what, "Expected millimetres"))
    return codes


def _pairs(raw: Raw, member: str) -> tuple[dict[int, list[str]], list[Problem]]:
    """The rows ``colour path,depth path`` of a list without a header, by line; and what is wrong with the others."""
    where = raw.where(member)
    with raw.open(member) as stream:
        text = decode(stream.read(), where)
    rows = [(line, row) for line, row in enumerate(csv.reader(text.splitlines()), 1) if row]
    pairs = {line: row for line, row in rows if len(row) == 2}  # noqa: PLR2004 - a pair
    wrong = [(line, f"the row has {len(row)} fields") for line, row in rows if line not in pairs]
    problems = first(where, wrong, hint="Expected image path, depth path", rest="more rows are no pair")
    named = Counter(depth for _, depth in pairs.values())
    if repeated := sorted(name for name, count in named.items() if count > 1):
        problems.append(Problem(where, f"{len(repeated):,} depth maps are listed twice: {sample(repeated)}"))
    return pairs, problems


def _members(raw: Raw, paths: Sequence[str]) -> list[str | None]:
    """The member that each path leads to, as it stands, under a longer path, or without its first folder; or None."""
    known, probed = set(raw.members()), paths[:: max(1, len(paths) // 64)]
    ends = {path.rpartition("/")[2] for path in probed}
    near = sorted(member for member in known if member.rpartition("/")[2] in ends)
    names = list(paths)
    for path, cut in product(probed, (False, True)):
        name = path.partition("/")[2] if cut else path
        places = [member for member in near if member == name or member.endswith(f"/{name}")]
        if name and places:
            prefix = min(places, key=len).removesuffix(name)
            names = [prefix + (each.partition("/")[2] if cut else each) for each in paths]
            break
    return [name if name in known else None for name in names]


def from_list(raw: Raw, member: str, split: str) -> Maps:
    """The depth maps that a csv list names, in its order; ids are the paths of the colour images."""
    pairs, problems = _pairs(raw, member)
    lines = list(pairs)
    colors, depths = (np.array([pair[column] for pair in pairs.values()], dtype=object) for column in (0, 1))
    members = _members(raw, depths.tolist())
    lock = Lock()  # a tree opens its archives, and hands out their handles, for one thread at a time

    def load(row: int) -> AnyArray:
        path, file = str(depths[row]), members[row]
        if file is None:
            where = f"{raw.where(member)}, line {lines[row]}"
            raise InputError(Problem(where, f"{path} is not in {raw.name}", "Unpack the whole archive"))
        with lock:
            stream = raw.open(file)
        try:
            data = stream.read()
        finally:
            with lock:
                stream.close()
        name = raw.where(file)
        return measured(png(data, name, bits=BITS[split]), name)

    return Maps(
        ids=colors,
        columns={"depth": depths},
        targets=TARGETS[split],
        load=load,
        stamp=lambda row: raw.stamp(file) if (file := members[row]) else "missing",
        files=(member,),
        problems=problems,
    )


def from_matlab(raw: Raw, mat: str, splits: str) -> Maps:
    """The test depths of the official file, read one by one, with the ids that the archive gives them."""
    numbers = _test_numbers(raw, splits)
    names = [f"data/nyu2_test/{number - 1:05d}" for number in numbers]
    opened = ExitStack()

    @cache
    def depths() -> Any:
        return _depths(opened.enter_context(raw.open(mat)), raw.where(mat), opened, highest=max(numbers))

    def load(row: int) -> AnyArray:
        where = f"{raw.where(mat)}, depths of image {numbers[row]}"
        dataset = depths()
        try:
            metres = np.asarray(dataset[numbers[row] - 1], dtype=np.float32).T
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(Problem(where, f"they cannot be read ({error})", AGAIN)) from None
        bad = ~((metres >= 0) & (metres <= DEEPEST / 1000))
        if bad.any():
            raise InputError(Problem(where, f"{bad.sum():,} pixels are no depth of 0 to 10 m", AGAIN))
        centre = prepared(metres, shorter=SHORTER, shape=SHAPE)
        return measured((centre * np.float32(1000)).astype(np.uint16), where)

    return Maps(
        ids=np.array([f"{name}_colors.png" for name in names], dtype=object),
        columns={"depth": np.array([f"{name}_depth.png" for name in names], dtype=object)},
        targets=TARGETS["test"],
        load=load,
        stamp=lambda row: f"{raw.stamp(mat)} {numbers[row]}",
        files=(mat, splits),
        notes=(TRUNCATED,),
        serial=True,
        close=opened.close,
    )


def _test_numbers(raw: Raw, member: str) -> list[int]:
    """``testNdxs`` of splits.mat, counted from 1, in its order."""
    from scipy.io import loadmat

    try:
        with raw.open(member) as stream:
            indices: Any = loadmat(cast("Any", io.BytesIO(stream.read())), variable_names=["testNdxs"])["testNdxs"]
        numbers: list[int] = np.asarray(indices).astype(np.int64).ravel().tolist()
    except DirError:
        raise
    except Exception as error:  # noqa: BLE001 - scipy answers damage with whatever its parser met
        hint = f"{SPLITS} is a MATLAB v5 file with testNdxs; fetch it again"
        what = f"it cannot be read ({type(error).__name__}: {error})"
        raise InputError(Problem(raw.where(member), what, hint)) from None
    if not numbers or min(numbers) < 1 or len(set(numbers)) < len(numbers):
        what = "testNdxs are no image numbers from 1 up, each once"
        raise InputError(Problem(raw.where(member), what, "Fetch it again"))
    return numbers


def _depths(stream: IO[bytes], name: str, opened: ExitStack, *, highest: int) -> Any:
    """The dataset ``depths`` of the official file, (images, 640, 480) in metres, on disk until ``opened`` is closed."""
    import h5py

    hint = f"{MAT} is an HDF5 file of 2,972,037,809 bytes; fetch it again"
    try:
        depths = opened.enter_context(h5py.File(stream, "r", rdcc_nbytes=1 << 26))["depths"]
        shape = tuple(depths.shape)
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise InputError(Problem(name, f"its depths cannot be opened ({error})", hint)) from None
    if shape[1:] != (WIDTH, HEIGHT) or shape[0] < highest:
        what = f"depths have shape {shape}, and at least ({highest}, {WIDTH}, {HEIGHT}) is expected"
        raise InputError(Problem(name, what, hint))
    return depths
