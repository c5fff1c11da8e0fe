"""`dir curate` as a function: makes a manifest, and gives it back as arrays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dircli import datasets
from dircli.curation import curate as curation
from dircli.curation import custom
from dircli.curation.derive import named_after
from dircli.curation.options import CurateOptions
from dircli.datasets.benchmark_arrays import BenchmarkArrays, load
from dircli.datasets.obtain import DownloadOptions
from dircli.errors import UsageError
from dircli.store import places
from dircli.store.derived import Replacing
from dircli.store.download.transfer import Silent
from dircli.store.user_tables import Names

if TYPE_CHECKING:
    from dircli.benchmark.dataset import Dataset


def curate(  # noqa: PLR0913 - the options of `dir curate`
    name: str = datasets.OWN,
    *,
    table: str | Path | None = None,
    target: str | None = None,
    id: str | None = None,  # noqa: A002 - as the option is called
    bin_width: float | str | None = None,
    limits: str | None = None,
    edges: str | None = None,
    bins: str = "auto",
    outside: Literal["refuse", "clip", "drop"] = "refuse",
    per_bin: int | None = None,
    many: float = 100,
    few: float = 20,
    group: str | None = None,
    split_column: str | None = None,
    unit: str = "",
    raw: str | Path | None = None,
    released: str | Path | None = None,
    split: Literal["released", "redraw"] | None = None,
    seed: int | None = None,
    called: str | None = None,
    accept_license: bool = False,
    data: str | Path | None = None,
    manifests: str | Path = "manifests",
    force: bool = False,
) -> BenchmarkArrays:
    """Make the manifest of the benchmark ``name``, or of a ``table``, in the folder ``manifests``, and load it.

    A benchmark comes from ``raw`` and ``released``, or from the folder ``data`` (by default `DIR_DATA`, or the user's
    cache), where what is missing is downloaded if you ``accept_license``. A table needs ``target``, the column of
    targets; ``limits`` is LO:HI. All are the options of `dir curate`, and what it notes stands in ``notes``.

    Raises UsageError for what cannot be made, InputError with everything wrong in a file, and SourceError where a
    source cannot be had; then nothing is written.

    >>> curate(table="diabetes.csv", target="target", id="patient", bin_width=10).only("test")
    <diabetes: 55 rows (test 55), 33 bins, sha256:1107bb40>
    """
    replacing, root = Replacing(force=force), places.of(manifests)
    places.check_writable(root)
    if name == datasets.OWN:
        if table is None or target is None:
            raise UsageError("give the table as table, and the column of targets as target")
        options = custom.CustomOptions(
            table=places.of(table),
            names=Names(target=target, id=id, group=group, split=split_column),
            called=called or named_after(places.of(table)),
            unit=unit,
            width=None if bin_width is None else str(bin_width),
            limits=limits,
            edges=edges,
            bins=bins,
            outside=outside,
            per_bin=per_bin,
            many=many,
            few=few,
            seed=666 if seed is None else seed,
            replacing=replacing,
        )
        facts, _ = custom.curate(options, root=root)
        return load(str(facts["name"]), manifests=root)
    if table is not None or target is not None:
        raise UsageError(f"{name} is a benchmark; table and target are for a table of your own")
    source, files = (None if path is None else places.of(path) for path in (raw, released))
    asked = CurateOptions(
        raw=source,
        released=files,
        split=curation.settled_split(name, split=split, seed=seed, released=files),
        seed=666 if seed is None else seed,
        called=called,
        replacing=replacing,
    )
    manifest = curation.curate(name, asked, root=root, terms=_terms(data, accept=accept_license))
    return load(str(manifest.facts["name"]), manifests=root)


def _terms(folder: str | Path | None, *, accept: bool) -> DownloadOptions:
    """How to download into ``folder``, by default that of the environment or the user's cache, without a word."""
    from platformdirs import user_cache_path

    def consent(dataset: Dataset) -> None:
        if not accept:
            terms = f"{dataset.published.licence}; {dataset.published.homepage}"
            raise UsageError(f"{dataset.name}: nothing was downloaded; accept_license=True accepts its terms ({terms})")

    data = places.of(folder or os.environ.get("DIR_DATA") or user_cache_path("dircli"))
    return DownloadOptions(data=data, mirror=os.environ.get("DIR_MIRROR"), consent=consent, progress=Silent())
