"""Label maps: images whose every pixel is a sample, as the depth maps of NYUD2 are. Arrays in, arrays out.

A map holds codes, the small whole numbers that its file stores, and one table gives the target of each code: so maps
are counted by a histogram of codes and binned by lookup, and nothing ever holds all their pixels.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dircli.arrays import AnyArray, IntArray, TextArray
from dircli.benchmark.bins import Bins
from dircli.errors import Problem


@dataclass(frozen=True, kw_only=True)
class Maps:
    """The label maps of one split: n images in their declared order; the contract that a reader of maps meets.

    ``ids`` (n,) are unique strings, ``columns`` the dataset's own, (n,) each. ``targets`` (C,) float32 holds the target
    of each code. ``load(row)`` is the prepared map of an image, (H, W) codes; it raises InputError with what is wrong
    with that image, and may be called from several threads unless ``serial``. ``stamp(row)`` changes when the image's
    file does; ``close()`` lets go of what is open. ``files`` are the members of the source that list the images,
    ``problems`` what was wrong in them.
    """

    ids: TextArray
    columns: Mapping[str, TextArray]
    targets: AnyArray
    load: Callable[[int], AnyArray]
    stamp: Callable[[int], str]
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)
    serial: bool = False
    close: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """The N pixels that a benchmark scores, (N,) each, ascending by image, row and column.

    ``image`` counts the images of the split from 0, ``row`` from the top, ``col`` from the left (all int16).
    ``targets`` (float32) are in the dataset's unit, ``bin_index`` (int32) are their scoring bins.
    """

    image: AnyArray
    row: AnyArray
    col: AnyArray
    targets: AnyArray
    bin_index: AnyArray

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What predictions must be: ``names`` of the n images, ``shape`` (H, W) of each; a PNG counts 1/``codes`` units."""

    names: Sequence[str]
    shape: tuple[int, int]
    codes: int


def prepared(frame: AnyArray, *, shorter: int, shape: tuple[int, int]) -> AnyArray:
    """The centre of ``frame`` (height, width), scaled to ``shorter`` on its shorter side by nearest neighbour.

    The result has ``shape``; it is a view, not a copy. A pixel comes from the middle of those it stands for, the right
    or lower of two: what Pillow's NEAREST takes, where sides shrink by a whole number. ValueError where they do not.
    """
    step, rest = divmod(min(frame.shape), shorter)
    if rest or not step or any(side % step for side in frame.shape):
        raise ValueError(f"{frame.shape} does not shrink to {shorter} by a whole number")
    height, width = (side // step for side in frame.shape)
    top, left = round((height - shape[0]) / 2), round((width - shape[1]) / 2)
    first, last = (top * step + step // 2, left * step + step // 2), (top + shape[0], left + shape[1])
    return frame[first[0] : last[0] * step : step, first[1] : last[1] * step : step]


def single_bins(count: int, scale: float) -> Bins:
    """``count`` bins that find a float32 x where ``min(int(x * float32(scale)), count - 1)`` does, as released.

    An edge is the smallest float32 whose product, rounded to float32, reaches the next whole number: for a scale of 10
    that is the nearest float32 of k / 10 or a neighbour of it. So the lookup stays a comparison with edges, and its
    values must be float32. The last edge is the end of the range, which belongs to the last bin.
    """
    wanted = np.arange(count + 1)
    edges = (wanted / scale).astype(np.float32)
    below = np.nextafter(edges, np.float32(-np.inf))
    while (reaches := (below * np.float32(scale) >= wanted) & (wanted > 0)).any():
        edges = np.where(reaches, below, edges)
        below = np.nextafter(edges, np.float32(-np.inf))
    while (misses := edges * np.float32(scale) < wanted).any():
        edges = np.where(misses, np.nextafter(edges, np.float32(np.inf)), edges)
    edges[-1] = np.float32(count / scale)
    return Bins(edges.astype(np.float64))


def chosen_ranks(counts: IntArray, *, per_bin: int, seed: int) -> list[IntArray]:
    """Which of each bin's pixels are drawn: for each of B bins their ranks, ascending, among its ``counts`` (B,).

    Python's Mersenne Twister is seeded once; per bin in ascending order it samples ``per_bin`` of ``range(count)``
    without replacement, or all of them where there are no more.
    """
    generator = random.Random(seed)  # noqa: S311 - the generator of every redraw here
    drawn = (sorted(generator.sample(range(count), min(per_bin, count))) for count in counts.tolist())
    return [np.array(ranks, dtype=np.int64) for ranks in drawn]


def picked(index: AnyArray, before: IntArray, ranks: list[IntArray]) -> IntArray:
    """The positions, ascending, of the pixels of one map that are drawn.

    ``index`` (H, W) is the bin of each pixel; ``before`` (B,) counts the pixels of each bin in the maps before this
    one; ``ranks`` are those of `chosen_ranks`. Pixels are ranked by image, row and column.
    """
    flat = index.ravel()
    order = np.argsort(flat, kind="stable")
    counts = np.bincount(flat, minlength=len(before))
    stops = np.cumsum(counts)
    positions = []
    for b in np.flatnonzero(counts):
        low, high = np.searchsorted(ranks[b], [before[b], before[b] + counts[b]])
        positions.append(order[stops[b] - counts[b] + ranks[b][low:high] - before[b]])
    return np.sort(np.concatenate(positions)) if positions else np.empty(0, dtype=np.int64)
