"""The label maps of a benchmark in another process, which opens them for itself, once."""

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, cast

from dircli import datasets
from dircli.benchmark.dataset import PixelReader
from dircli.benchmark.pixels import Maps
from dircli.benchmark.raw import Raw

ONE = Lock()


@dataclass(frozen=True)
class Sent:
    """By what another process opens the maps: the source, the name of the dataset, and the split."""

    raw: Raw
    dataset: str
    split: str = "train"

    @contextmanager
    def maps(self) -> Iterator[Maps]:
        """The maps, for as long as the ``with`` lasts: for one thread at a time where they are serial."""
        with ONE:
            maps = _opened(cast("Hashable", self.raw), self.dataset)[self.split]
            if maps.serial:
                yield maps
                return
        yield maps


@lru_cache(maxsize=1)
def _opened(raw: Any, dataset: str) -> Mapping[str, Maps]:
    reader = datasets.load(dataset).reader
    assert isinstance(reader, PixelReader)  # noqa: S101 - only such a dataset has maps
    return reader.maps(raw)
