"""What a dataset is: facts as frozen values, and the three functions that read and write its own formats."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias

import numpy as np

from dircli.benchmark.bins import Bins
from dircli.benchmark.protocol import FdsRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dircli.arrays import AnyArray, FloatArray, IntArray, TextArray
    from dircli.benchmark.pixels import Maps
    from dircli.benchmark.protocol import Rules, WeightRule
    from dircli.benchmark.raw import Raw
    from dircli.benchmark.records import Records
    from dircli.benchmark.splits import SplitRecipe

AUTHORS = "https://raw.githubusercontent.com/YyzHarry/imbalanced-regression/a6fdc45d45c04e6f5c40f43925bc66e580911084/"
"""Where the authors published their split files, at the commit that `released` stands for."""


@dataclass(frozen=True, kw_only=True)
class Leak:
    """Something that a row of test may share with a row of train.

    A row's keys are the values of ``columns``: each of them a key ("each"), all in their order one key ("row"), or all
    in any order one key ("set").
    """

    kind: str
    columns: tuple[str, ...]
    match: Match = "each"


@dataclass(frozen=True, kw_only=True)
class Channel:
    """A signal that each recording must have, under one of ``labels``, the preferred first.

    ``rates`` are the lowest and the highest plausible sampling rate in Hz. ``inverts``: the source is known to write
    a physical minimum above the maximum, which turns the signal over and is no damage.
    """

    role: str
    labels: tuple[str, ...]
    rates: tuple[float, float]
    inverts: bool = False


@dataclass(frozen=True, kw_only=True)
class Dense:
    """What a dataset adds whose labels are maps: every pixel of an image has a target, and some pixels are scored.

    ``shape`` (H, W) is that of a prepared map, and of an image in prediction arrays (test images, H, W). ``maps(raw)``
    gives the label maps of each split that the source holds; ``lists`` names the published list of each split with its
    git blob id, and ``listed(ids, columns)`` are the bytes of one. ``mask`` is the published file of scored pixels, an
    npy array (test images, H, W) of zeros and ones with ``per_bin`` ones in each bin from ``first`` up. ``published``
    (B,) are the published training pixels per bin. ``foreign`` tells other sets by their number of training images.
    Predictions may be PNG files named as the last part of the paths in column ``named_by``, in 1/``codes`` of a unit.
    """

    shape: tuple[int, int]
    maps: Callable[[Raw], dict[str, Maps]]
    lists: Mapping[str, tuple[str, str]]
    listed: Callable[[TextArray, Mapping[str, AnyArray]], bytes]
    mask: str
    first: int
    per_bin: int
    published: IntArray
    foreign: Mapping[int, str]
    named_by: str
    codes: int


def no_records(*_: object) -> NoReturn:
    """Stands where a dataset of maps has no records to read or write."""
    raise TypeError("the labels of this dataset are maps, not records; see Dense")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One benchmark.

    ``bins`` are the scoring bins; where ``grows`` is set, bins of the last one's width are added up to the highest
    target. ``rules`` holds each protocol's. ``expected`` are the published sizes of train, val and test.

    ``read(raw)`` gives the records in the declared order; ``read_released(raw)`` the records as the published split
    files hold them, in their order, with the split of each; ``export(records, split)`` the bytes of those files by
    name. ``released_alone`` says that the published files hold all that a manifest needs, so that a raw source only
    confirms them. ``unseen`` names what then nobody has looked at. ``parts`` are readers of a part of the sources,
    which may be curated on request, under a name of their own. ``leaks`` are what test may share with
    train. ``images`` says that an id is the path of an image. ``dense`` is set where labels are maps. ``metrics`` are
    the scores in their order, where they are not the usual ones; ``positive`` refuses predictions of 0 or less.

    Where the authors never released their split, ``unreleased`` says so, and there is no ``read_released`` and no
    ``export``. ``catalogue`` is the provider who hands the files out, where that takes a token. ``recording`` is the
    file name of a row's recording, with its id as ``{id}``, and ``channels`` what it must hold.
    """

    name: str
    title: str
    target: str
    unit: str
    licence: str
    homepage: str
    obtain: tuple[str, ...]
    bibtex: str
    sources: tuple[Source, ...]
    bins: Bins
    grows: bool = False
    recipe: SplitRecipe
    rules: Mapping[str, Rules]
    weights: WeightRule
    fds: FdsRule = field(default_factory=FdsRule)
    expected: Mapping[str, int]
    read: Callable[[Raw], Records]
    read_released: Callable[[Raw], tuple[Records, TextArray]] | None = None
    export: Callable[[Records, TextArray], dict[str, bytes]] | None = None
    parts: Mapping[str, Callable[[Raw], Records]] = field(default_factory=dict)
    leaks: tuple[Leak, ...] = ()
    images: bool = False
    dense: Dense | None = None
    metrics: tuple[str, ...] = ()
    positive: bool = False
    released_alone: bool = False
    unseen: str = ""
    unreleased: str = ""
    catalogue: Catalogue | None = None
    recording: str = ""
    channels: tuple[Channel, ...] = ()

    def scoring_bins(self, targets: FloatArray) -> Bins:
        """The scoring bins for these targets (n,): `bins`, grown to hold the highest where the dataset says so."""
        edges = self.bins.edges
        if not self.grows or not targets.size or targets.max() < edges[-1]:
            return self.bins
        width = edges[-1] - edges[-2]
        more = int(np.floor((targets.max() - edges[-1]) / width)) + 1
        return Bins(np.concatenate([edges, edges[-1] + width * np.arange(1, more + 1)]))

    @property
    def released(self) -> tuple[Source, ...]:
        """The published split files."""
        return tuple(source for source in self.sources if source.holds == "released")


Holds = Literal["labels", "images", "recordings", "released"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One raw file: its name under ``DIR_DATA/<dataset>/``, where it is had, and how it is recognised.

    ``digest`` is ``algorithm:hex`` with algorithm sha256, md5 or git (a git blob id), or None where no hash is known;
    ``size`` is in bytes, or None. ``urls`` are tried in order; none means that only its owners hand it out (see the
    dataset's ``obtain`` steps). ``gives`` are the files in it that a reader needs: where those are at hand, the source
    itself is not missed.
    """

    file: str
    holds: Holds
    urls: tuple[str, ...] = ()
    size: int | None = None
    digest: str | None = None
    gives: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A folder of a provider: ``choose`` picks, of the paths in it, those that a dataset uses; ``what`` names them."""

    holds: Holds
    folder: str
    what: str
    choose: Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A provider that lists its files, with size and md5, and hands them out to whoever holds a token.

    ``listing`` is the address that lists a folder, given as the query parameter ``path``; ``files`` is what a file's
    path is appended to. The token is the query parameter ``parameter``, and may stand in the environment's
    ``variable``. Files keep the provider's paths under ``DIR_DATA/<dataset>/``.
    """

    listing: str
    files: str
    variable: str
    parameter: str = "auth_token"
    shelves: tuple[Shelf, ...]

    def as_json(self) -> list[dict[str, str]]:
        """What there is, for those who list the facts of a dataset."""
        return [
            {"files": f"{shelf.folder}/{shelf.what}", "holds": shelf.holds, "listed": self.listing}
            for shelf in self.shelves
        ]


Match: TypeAlias = Literal["each", "row", "set"]
