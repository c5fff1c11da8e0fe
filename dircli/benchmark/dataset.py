"""What a dataset is, as frozen values: rules, publication, and a reader of samples or of maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from dircli.arrays import AnyArray, FloatArray, IntArray, TextArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.pixels import Maps
from dircli.benchmark.protocol import FdsRule, ScoreRule, WeightRule
from dircli.benchmark.raw import Raw
from dircli.benchmark.records import Records
from dircli.benchmark.splits import SplitRecipe

AUTHORS = "https://raw.githubusercontent.com/YyzHarry/imbalanced-regression/a6fdc45d45c04e6f5c40f43925bc66e580911084/"
"""Where the authors published their split files, at the commit that `released` stands for."""

Holds = Literal["labels", "images", "recordings", "released"]
Match: TypeAlias = Literal["each", "row", "set"]


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
class Rules:
    """What decides the bins, the split, the weights and the scores of a dataset; targets are in ``unit``.

    ``bins`` are the scoring bins; where ``grows`` is set, bins of the last one's width are added up to the highest
    target. ``score_rules`` holds each protocol's. ``metrics`` are the scores in their order, where they are not the
    usual ones; ``positive`` refuses predictions of 0 or less.
    """

    target: str
    unit: str
    bins: Bins
    recipe: SplitRecipe
    score_rules: Mapping[str, ScoreRule]
    weights: WeightRule
    fds: FdsRule = field(default_factory=FdsRule)
    grows: bool = False
    metrics: tuple[str, ...] = ()
    positive: bool = False

    def scoring_bins(self, targets: FloatArray) -> Bins:
        """The scoring bins for these targets (n,): `bins`, grown to hold the highest where the rules say so."""
        edges = self.bins.edges
        if not self.grows or not targets.size or targets.max() < edges[-1]:
            return self.bins
        width = edges[-1] - edges[-2]
        more = int(np.floor((targets.max() - edges[-1]) / width)) + 1
        return Bins(np.concatenate([edges, edges[-1] + width * np.arange(1, more + 1)]))


@dataclass(frozen=True, kw_only=True)
class Publication:
    """Where a benchmark comes from, and on which terms: its files, their owners, and what was published of it.

    ``obtain`` are the steps to its files, ``sources`` the files whose addresses are known, ``catalogue`` the provider
    who hands them out where that takes a token. ``expected`` are the published sizes of train, val and test. Where the
    authors never released their split, ``unreleased`` says so; ``sizes`` says where ``expected`` stands, where they
    also state other sizes. Where the published files hold all that a manifest needs, so that a raw source only confirms
    them, ``unseen`` names what nobody looks at without one. ``collected`` says what the targets are of, and
    ``personal`` what the rows tell of persons.
    """

    title: str
    licence: str
    homepage: str
    obtain: tuple[str, ...]
    bibtex: str
    expected: Mapping[str, int]
    sources: tuple[Source, ...] = ()
    catalogue: Catalogue | None = None
    sizes: str = ""
    unreleased: str = ""
    unseen: str = ""
    collected: str = ""
    personal: str = ""


@dataclass(frozen=True, kw_only=True)
class SampleReader:
    """Reads and writes the formats of a dataset that has one target per sample.

    ``read(raw)`` gives the records in the declared order; None for a table of one's own. ``read_released(raw)`` gives
    the records as the published split files hold them, in their order, with the split of each; ``export(records,
    split)`` the bytes of those files by name; both are None where no split was released. ``parts`` are readers of a
    part of the sources, which may be curated on request, under a name of their own. ``leaks`` are what test may share
    with train. ``images`` says that an id is the path of an image. ``recording`` is the file name of a row's
    recording, with its id as ``{id}``, and ``channels`` what it must hold.
    """

    read: Callable[[Raw], Records] | None = None
    read_released: Callable[[Raw], tuple[Records, TextArray]] | None = None
    export: Callable[[Records, TextArray], dict[str, bytes]] | None = None
    parts: Mapping[str, Callable[[Raw], Records]] = field(default_factory=dict)
    leaks: tuple[Leak, ...] = ()
    images: bool = False
    recording: str = ""
    channels: tuple[Channel, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PixelReader:
    """Reads and writes the formats of a dataset whose labels are maps: every pixel has a target, some are scored.

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
    images: bool = True

    def balanced(self, bins: int) -> IntArray:
        """How many pixels of each of ``bins`` bins the published mask holds, (B,)."""
        return np.where(np.arange(bins) < self.first, 0, self.per_bin).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One dataset: its rules, how its files are read, and its publication, which a table of one's own has none of."""

    name: str
    rules: Rules
    publication: Publication | None
    reader: SampleReader | PixelReader

    @property
    def published(self) -> Publication:
        """The publication of a benchmark; TypeError for a table of one's own."""
        if self.publication is None:
            raise TypeError(f"{self.name}: a table of one's own was published nowhere")
        return self.publication

    @property
    def released(self) -> tuple[Source, ...]:
        """The published split files; none of a table of one's own."""
        sources = self.publication.sources if self.publication else ()
        return tuple(source for source in sources if source.holds == "released")

    @property
    def unreleased(self) -> str:
        """Why there is no published split; empty where there is one."""
        return self.publication.unreleased if self.publication else "no split of a table of one's own was published"

    @property
    def digests(self) -> dict[str, str]:
        """The git blob id, ``git:<hex>``, of each published file that an export writes."""
        lists = dict(self.reader.lists.values()) if isinstance(self.reader, PixelReader) else {}
        return {source.file: str(source.digest) for source in self.released} | lists

    @property
    def samples(self) -> SampleReader:
        """How its samples are read; a reader of nothing where its labels are maps."""
        return self.reader if isinstance(self.reader, SampleReader) else SampleReader()

    @property
    def counted(self) -> Literal["samples", "pixels"]:
        """What is counted, weighed and scored."""
        return "pixels" if isinstance(self.reader, PixelReader) else "samples"


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


def public_file(
    url: str, holds: Holds, digest: str | None = None, *, size: int | None = None, gives: tuple[str, ...] = ()
) -> Source:
    """The file at ``url``, under the name that it has there."""
    return Source(file=url.rpartition("/")[2], holds=holds, urls=(url,), size=size, digest=digest, gives=gives)


def split_file(path: str, git: str, *, size: int | None = None) -> Source:
    """The split file at ``path`` in the authors' repository; ``git`` is its blob id."""
    return public_file(AUTHORS + path, "released", f"git:{git}", size=size)


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
