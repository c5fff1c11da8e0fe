"""`dir resample`: synthetic training rows of a table with features."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from dircli.cli.options import Force, ManifestOptions, OptionalName, Quiet, TableFormat, option
from dircli.errors import UsageError
from dircli.report import console

if TYPE_CHECKING:
    from dircli.resampling.tables import Training


@dataclass(frozen=True, kw_only=True)
class RareOptions:
    """Which targets are rare."""

    panel: ClassVar[str] = "Relevance"
    threshold: float = option(0.8, "The relevance from which on a target is rare (SMOGN 2017).")
    extremes: Literal["both", "low", "high"] = option(
        "both", "The sides of the box plot with rare targets beyond the whisker of 1.5 quartile ranges (Ribeiro 2011)."
    )
    control_points: str | None = option(None, "Relevance by points instead: TARGET:PHI,TARGET:PHI, PHI from 0 to 1.")


@dataclass(frozen=True, kw_only=True)
class SynthesisOptions:
    """How rows are made."""

    panel: ClassVar[str] = "Rows"
    sampling: Literal["balance", "extreme"] = option(
        "balance", "Bumps of the target of one size (SMOGN 2017), or their sizes inverted (UBL)."
    )
    k: int = option(5, "Nearest neighbours in the bump, of smoter and smogn (SMOGN 2017).")
    pert: float | None = option(
        None, "Noise in standard deviations of the bump.", "smogn 0.02, gaussian-noise 0.01 (both SMOGN 2017)"
    )
    seed: int = option(666, "The seed of the draw.")


def resample(
    *,
    method: Annotated[
        Literal["smoter", "smogn", "gaussian-noise", "over", "under"],
        typer.Option(
            help="SMOTER (Torgo et al. 2013); SMOGN (Branco et al. 2017); copies with noise; copies of rare rows; or "
            "fewer normal rows. The first three also thin normal rows."
        ),
    ],
    name: OptionalName = None,
    features: Path | None = option(None, "Of a benchmark: the CSV or Parquet table of features, keyed by id."),
    table: Path | None = option(None, "Instead of a benchmark: a CSV or Parquet table, all of it training rows."),
    target: str | None = option(
        None, "The column of targets; all other columns are features.", "target, or as the benchmark calls it"
    ),
    id_: str | None = option(None, "The column of ids.", "id with --features, none with --table", flags="--id"),
    out: str | None = option(None, "A .parquet or .csv file; - for CSV on stdout.", "rows are only counted"),
    rare: RareOptions,
    synthesis: SynthesisOptions,
    shown: TableFormat,
    where: ManifestOptions,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Resample training rows with features: rare targets get synthetic rows, common ones fewer."""
    from dircli.report import tables
    from dircli.report.formats.json import as_text
    from dircli.resampling import tables as resampling
    from dircli.resampling.samplers import SamplerOptions
    from dircli.store import parquet, places
    from dircli.store.outputs import check_outputs

    if out is not None and out != "-":
        parquet.check_endings([places.of(out)])
        check_outputs([("--out", places.of(out))], [("the table", file) for file in (features, table) if file])
    options = SamplerOptions(method=method, **vars(synthesis), threshold=rare.threshold)
    training = _training(name, features, table, target, id_, where)
    made = resampling.resampled(training, options, rare.extremes, rare.control_points)
    if out == "-":
        sys.stdout.buffer.write(parquet.csv_bytes(made.columns))
    elif out is not None:
        console.save(places.of(out), parquet.table_bytes(places.of(out), made.columns, made.facts), force=force)
    if out == "-" and shown.form == "json":
        typer.echo(as_text(made.facts), nl=False, err=True)
    elif out != "-":
        shown.show(lambda: tables.bumps(made.bumps), lambda: made.facts)
    elif not console.quiet:
        console.show(tables.bumps(made.bumps), stderr=True)
    if made.nominal:
        console.note(f"taken as nominal: {', '.join(made.nominal)}")
    if out is None:
        console.note("nothing is written; --out FILE writes the rows")


def _training(
    name: str | None,
    features: Path | None,
    table: Path | None,
    target: str | None,
    key: str | None,
    where: ManifestOptions,
) -> Training:
    """The rows of a table, or of a benchmark with features; UsageError for anything between."""
    from dircli.resampling import tables

    if table is not None:
        if features is not None or where.manifest is not None or name not in {None, os.environ.get("DIR_DATASET")}:
            raise UsageError("--table holds all there is to know; leave out NAME, --manifest and --features")
        return tables.of_table(table, target or "target", key)
    if features is None:
        raise UsageError("give the features of a benchmark's rows with --features FILE, or a table with --table FILE")
    return tables.of_manifest(*where.located(name), features, key or "id", target)
