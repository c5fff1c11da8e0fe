"""`dir curate`: the manifest of a benchmark, or of a table of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import typer

from dircli.cli.download_options import DownloadChoices, terms
from dircli.cli.options import EngineOptions, Force, Name, Protocol, Quiet, TableFormat, option
from dircli.errors import CheckError, UsageError, first_ten
from dircli.report import console

if TYPE_CHECKING:
    from dircli.benchmark.manifest import Manifest, PixelManifest
    from dircli.curation.custom import CustomOptions
    from dircli.curation.derive import Cut
    from dircli.curation.options import CurateOptions
    from dircli.curation.recordings import Recording
    from dircli.datasets.obtain import DownloadOptions
    from dircli.store.engines import Engine

SHOWN_ROWS = 24


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What a benchmark is made from, which split, and what is looked at besides."""

    panel: ClassVar[str] = "A benchmark"
    raw: Path | None = option(None, "The raw source: a folder or an archive.", "DIR_DATA/NAME")
    split: Literal["released", "redraw"] | None = option(
        None, "Import the published split, or draw a new one by the same rule.", "released, where there is one"
    )
    released: Path | None = option(None, "The published split: its file, or the folder of its files.", "DIR_DATA/NAME")
    variant: str | None = option(None, "Another split of the published rows, such as vir; see `dir info NAME`.")
    only: str | None = option(None, "One part of the sources alone, such as wiki; never the benchmark itself.")
    check_images: bool = option(False, "Open every image, and list the unreadable ones beside the manifest.")
    check_signals: bool = option(False, "Open every recording, and list what each holds beside the manifest.")


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """A table of the user's own, and how its rows are binned and split."""

    panel: ClassVar[str] = "A table of your own (custom)"
    table: Path | None = option(None, "The table: CSV, TSV, Parquet or JSON lines; a folder or glob of them, or a URL.")
    target: str | None = option(None, "The column of targets.")
    id: str | None = option(None, "The column of unique ids.", "row numbers from 0")
    bin_width: str | None = option(None, "Bins of this width.")
    range: str | None = option(None, "The range of the bins, LO:HI.", "that of the targets")
    edges: str | None = option(None, "The edges of the bins, with commas between.")
    bins: str | None = option(
        None,
        "auto: a width by a rule that the manifest names; quantile:N: N bins of counts as equal as ties allow.",
        "auto",
    )
    outside: Literal["refuse", "clip", "drop"] | None = option(
        None, "What becomes of targets outside the bins.", "refuse"
    )
    missing: Literal["refuse", "drop"] | None = option(
        None, "What becomes of rows without a target: empty, null or NaN.", "refuse"
    )
    per_bin: int | None = option(None, "At most this many rows of a bin to val, and to test.", "10% in all", min=1)
    many: float | None = option(None, "A bin with more training samples is many-shot.", "100")
    few: float | None = option(None, "A bin with fewer training samples is few-shot.", "20")
    group: str | None = option(None, "Rows that agree in this column are not divided.")
    split_column: str | None = option(None, "Take over the split in this column: train, val or test.")
    unit: str | None = option(None, "The target's unit, for tables and plots.")

    def options(self, cut: Cut | None, *, seed: int, called: str | None) -> CustomOptions:
        """The same for the curation of a table; UsageError where the options do not fit together."""
        from dircli.curation.custom import CustomOptions
        from dircli.curation.derive import named_after
        from dircli.store.user_tables import Names

        if self.table is None or self.target is None:
            raise UsageError("give the table with --table FILE, and the column of targets with --target COL")
        if self.bins == "auto" and (self.bin_width is not None or self.edges is not None):
            raise UsageError("--bins auto chooses the width; leave out --bin-width and --edges")
        name = called or named_after(self.table)
        given: dict[str, Any] = {"unit": self.unit, "width": self.bin_width, "limits": self.range, "edges": self.edges}
        given["bins"] = self.bins
        given |= {
            "outside": self.outside,
            "missing": self.missing,
            "per_bin": self.per_bin,
            "many": self.many,
            "few": self.few,
        }
        return CustomOptions(
            table=self.table,
            names=Names(target=self.target, id=self.id, group=self.group, split=self.split_column),
            called=name if called or cut is None else cut.named(name),
            seed=seed,
            cut=cut,
            **{key: value for key, value in given.items() if value is not None},
        )


@dataclass(frozen=True, kw_only=True)
class LessTrain:
    """What is taken away from the training rows."""

    panel: ClassVar[str] = "Less to learn from"
    drop_train: list[str] | None = option(None, "Leave out training rows with targets LO:HI; repeatable.")
    skew: str | None = option(
        None, 'Thin train to a mixture "MEAN:STD:WEIGHT, …" of disjoint Gaussians; STD may be LEFT/RIGHT.'
    )
    train_size: int | None = option(None, "How many training rows --skew keeps.", min=1)


@dataclass(frozen=True, kw_only=True)
class CuratingEngine(EngineOptions):
    """Who curates."""

    scratch: Path | None = option(
        None,
        "With workers on other machines: a folder that all of them see, for temporary files (custom).",
        "the temporary files here",
    )


def curate(
    *,
    name: Name,
    source: SourceOptions,
    seed: int | None = option(None, "The seed of a redraw, or of --skew.", "666", min=0),
    called: str | None = option(None, "The manifest's name.", "the dataset's, or the table's", flags="--name"),
    out: Path = option(
        Path("manifests"), "The folder of manifests; NAME in it.", flags="--out --manifests", envvar="DIR_MANIFESTS"
    ),
    protocol: Protocol = "released",
    less: LessTrain,
    table: TableOptions,
    download: DownloadChoices,
    shown: TableFormat,
    who: CuratingEngine,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Make a manifest: samples, bins and splits, with all that they came from; of a benchmark, or a table (custom)."""
    from dircli import datasets
    from dircli.curation import curate as curation
    from dircli.curation import recordings
    from dircli.curation.derive import Cut
    from dircli.curation.options import CurateOptions
    from dircli.report.progress import counting
    from dircli.store import places
    from dircli.store.derived import Replacing

    places.check_writable(out)
    raw, released = source.raw, source.released
    number = 666 if seed is None else seed
    replacing = Replacing(force=force, tell=console.note)
    cut = Cut.of(less.drop_train or [], less.skew, less.train_size, number)
    if who.scratch is not None and (who.engine == "local" or name != datasets.OWN):
        raise UsageError("--scratch is where --engine dask divides the rows of a table (custom); leave it out")
    if name == datasets.OWN:
        _refuse(source, name)
        choices = replace(table.options(cut, seed=number, called=called), replacing=replacing)
        _tell(*_of_table(choices, out, who), out, protocol, shown)
        return
    _refuse(table, name)
    split = curation.settled_split(
        name,
        split=source.split,
        seed=seed,
        released=released,
        part=source.only,
        skewed=less.skew is not None,
    )
    options = CurateOptions(
        raw=raw,
        released=released,
        split=split,
        seed=number,
        part=source.only,
        variant=source.variant,
        called=called,
        cut=cut,
        replacing=replacing,
    )
    if source.check_signals:
        recordings.need_signals(name)
    if who.engine != "local" and not (source.check_images or source.check_signals or _counts_pixels(name)):
        raise UsageError(f"--engine: nothing of {name} is divided; it goes with --check-images and --check-signals")
    with terms(download) as how, who.opened() as engine:
        manifest = curation.curate(name, options, root=out, terms=how, watch=counting, engine=engine)
        _tell(manifest.facts, manifest.table.bins.edges, out, protocol, shown)
        if source.check_images:
            _check_images(manifest, options, out, how, engine)
        if source.check_signals:
            how_and_who: dict[str, Any] = {"terms": how, "watch": counting, "engine": engine}
            _tell_signals(*recordings.check_signals(manifest, options, root=out, **how_and_who))


def _of_table(choices: CustomOptions, out: Path, who: CuratingEngine) -> tuple[dict[str, Any], Any]:
    """The facts of the manifest of a table of the user's own, and the edges of its bins."""
    from dircli.curation import custom

    if who.engine == "local":
        with who.opened():  # which refuses the options of a cluster
            return custom.curate(choices, root=out)
    from dircli.curation import partitioned
    from dircli.report.progress import counting

    custom.Start.of(choices, out)  # which refuses what it can before a cluster starts
    with who.opened() as engine:
        return partitioned.curate(
            choices, root=out, run=partitioned.Run(engine=engine, watch=counting, scratch=who.scratch)
        )


def _counts_pixels(name: str) -> bool:
    """Whether the manifest of ``name`` is made by counting the pixels of maps."""
    from dircli import datasets

    return datasets.load(name).counted == "pixels"


def _refuse(group: SourceOptions | TableOptions, name: str) -> None:
    """UsageError that names the options of ``group`` that were given, for they mean nothing for ``name``."""
    given = [key for key, value in vars(group).items() if value is not None and value is not False]
    if flags := ", ".join(f"--{key.replace('_', '-')}" for key in given):
        raise UsageError(f"{flags}: not for `dir curate {name}`; see `dir curate --help`")


def _tell(facts: Mapping[str, Any], edges: Any, out: Path, protocol: str, shown: TableFormat) -> None:
    """What was made: notes on stderr; the rows of each split, a density that was asked for, and the content."""
    from dircli.datasets import OWN
    from dircli.report import tables

    counts = (f"{key}: {f'{value:,}' if isinstance(value, int) else value}" for key, value in facts["facts"].items())
    for note in (*facts["notes"], *counts):
        console.note(f"{facts['name']}: {note}")
    by = "" if facts["dataset"] == OWN else f"regions by the {protocol} protocol; "  # a table has one rule
    console.note(f"{by}written to {out / str(facts['name'])}")
    shown.show(lambda: tables.splits(facts, protocol), lambda: facts)
    skew = facts.get("derived", {}).get("skew")
    if skew and shown.form == "table":
        table, step = tables.skew(skew, edges, rows=SHOWN_ROWS)
        console.show(table)
        console.note(f"{step} bins to a row" if step > 1 else "one bin to a row")
    shown.say(f"{facts['name']} ({facts['origin']}) {facts['content']}")


def _check_images(
    manifest: Manifest | PixelManifest, options: CurateOptions, out: Path, how: DownloadOptions, engine: Engine
) -> None:
    """Open every image; CheckError that names the list of the unreadable ones, where there are any."""
    from dircli.curation import images
    from dircli.report.progress import counting

    name, rows = manifest.facts["name"], manifest.facts["rows"]
    with counting("images", rows) as done:
        unreadable = images.check_images(manifest, options, root=out, terms=how, done=done, engine=engine)
    typer.echo(f"{rows:,} images, {len(unreadable):,} of them unreadable")
    if unreadable:
        path = out / str(name) / "unreadable.csv"
        raise CheckError(f"{name}: {len(unreadable):,} images cannot be read; they are listed in {path}")


def _tell_signals(recordings: list[Recording], path: Path) -> None:
    """The summary on stdout; CheckError, with the first findings, where there are any."""
    wrong = [recording for recording in recordings if recording.findings]
    typer.echo(f"{len(recordings):,} recordings, {len(wrong):,} of them with findings; the table is {path}")
    if inverted := sum(bool(recording.inverted) for recording in recordings):
        console.note(f"{inverted:,} have effort belts that run from high to low, as this source is known to write them")
    if wrong:
        lines = first_ten(wrong, lambda each: f"  {each.id}: {'; '.join(each.findings)}", "  and {:,} more".format)
        raise CheckError("\n".join([f"{len(wrong):,} of {len(recordings):,} recordings have findings:", *lines]))
