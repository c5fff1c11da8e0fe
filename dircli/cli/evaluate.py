"""`dir evaluate`: scores of prediction files by shot region."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dircli.cli import reports
from dircli.cli.options import Data, Manifest, Manifests, Protocol, Quiet, data_folder, located
from dircli.errors import CheckError, UsageError
from dircli.report.formats import BY_ENDING, NAMED, Name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dircli.scores.compare.checks import Outcome
    from dircli.scores.results import Result


def evaluate(
    ctx: typer.Context,
    predictions: Annotated[
        list[str],
        typer.Argument(
            metavar="PREDS...",
            help="CSV, JSON lines, Parquet or npy files; - is stdin. Of maps: npy, HDF5 or folders of PNG.",
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(envvar="DIR_DATASET", help="The dataset.", show_default="the only curated one"),
    ] = None,
    split: Annotated[Literal["test", "val", "train"], typer.Option(help="The rows that were predicted.")] = "test",
    protocol: Protocol = "released",
    metrics: Annotated[
        str, typer.Option(help="Names with commas between, or all that can be had.", show_default="the usual ones")
    ] = "",
    format_: Annotated[Name, typer.Option("--format", help="How to print the result.")] = "table",
    output: Annotated[
        list[Path] | None,
        typer.Option(help=f"Write it to this file, in the format of its ending ({' '.join(BY_ENDING)}); repeatable."),
    ] = None,
    decimals: Annotated[int, typer.Option("--decimals", "-w", min=0, max=12, help="Decimals of shown scores.")] = 3,
    score_only: Annotated[bool, typer.Option("--score-only", help="Print the numbers alone, a line per file.")] = False,
    ci: Annotated[bool, typer.Option("--ci", help="Add 95 % intervals, and compare each file with the first.")] = False,
    bootstrap: Annotated[int, typer.Option(min=100, help="Resamples, and swaps of the paired test.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="The seed of resamples and swaps.")] = 666,
    bca: Annotated[bool, typer.Option("--bca", help="BCa intervals instead of percentile ones.")] = False,
    cluster: Annotated[
        str | None, typer.Option(help="Draw whole groups of this manifest column, such as identity or image.")
    ] = None,
    seeds: Annotated[
        bool, typer.Option("--seeds", help="Files name@seed.csv are seeds of one system: show mean ± sd.")
    ] = False,
    short: Annotated[bool, typer.Option("--short", help="A short signature under the table.")] = False,
    fail_if: Annotated[
        list[str] | None, typer.Option(help='Exit 1 if this holds, such as "few.mae > 12"; repeatable.')
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Exit 1 if a score is worse than in this JSON result.", show_default=False)
    ] = None,
    tolerance: Annotated[
        str | None,
        typer.Option(help="What --against allows: 0.1, or 2% of the earlier score.", show_default="0"),
    ] = None,
    per_bin: Annotated[
        Path | None, typer.Option(help="Write the scores of each bin to this .csv or .parquet.", show_default=False)
    ] = None,
    per_sample: Annotated[
        Path | None, typer.Option(help="Write the error of each sample to this .csv or .parquet.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write scores, pictures and the worst samples to this .html page.", show_default=False),
    ] = None,
    id_column: Annotated[str, typer.Option(help="The column of ids.")] = "id",
    prediction_column: Annotated[str, typer.Option(help="The column of predictions.")] = "prediction",
    target_column: Annotated[str, typer.Option(help="The column of targets, checked where it is there.")] = "target",
    sigma_column: Annotated[str, typer.Option(help="The column of predicted standard deviations.")] = "sigma",
    by_position: Annotated[
        bool, typer.Option("--by-position", help="Rows are in manifest order; ids are not used.")
    ] = False,
    bins: Annotated[
        Path | None,
        typer.Option(help="Score files that have targets with this bins.parquet, without a manifest."),
    ] = None,
    manifests: Manifests = Path("manifests"),
    manifest: Manifest = None,
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Score prediction files: one row per sample of the split, with its id and its prediction."""
    from dircli.datasets.open import TARGETS_UNVERIFIED
    from dircli.report import console
    from dircli.scores import from_files
    from dircli.scores.breakdown import dump
    from dircli.scores.compare import checks
    from dircli.scores.from_files import evaluate
    from dircli.scores.results import read
    from dircli.store.predictions import Layout

    dataset, manifests = located(dataset, manifests, manifest)
    layout = Layout(
        id_column=id_column,
        prediction_column=prediction_column,
        target_column=target_column,
        sigma_column=sigma_column,
        by_position=by_position,
    )
    sampling = None
    if ci or bca or cluster:
        from dircli.scores.uncertainty.quantify import BootstrapOptions

        method: Literal["bca", "percentile"] = "bca" if bca else "percentile"
        sampling = BootstrapOptions(resamples=bootstrap, seed=seed, method=method, cluster=cluster)
    request = from_files.ScoreOptions(
        split=split,
        protocol=protocol,
        metrics=[name.strip() for name in metrics.split(",") if name.strip()],
        layout=layout,
    )
    if report:
        reports.check(report)
    _check_endings(output or [], [path for path in (per_bin, per_sample) if path])
    if tolerance is not None and against is None:
        raise UsageError("--tolerance is what --against allows; give --against RESULT.json, too")
    allowed = checks.tolerance(tolerance or "0")
    earlier = read(against) if against else None
    scored = evaluate(
        predictions, request, name=dataset, root=manifests, bins_file=bins, sampling=sampling, seeds=seeds
    )
    result = scored.result
    outcomes = checks.conditions(fail_if or [], result)
    outcomes += checks.regressions(result, earlier, allowed=allowed) if earlier else []
    if result.content.startswith("bins:"):
        console.note(f"{result.dataset}: {TARGETS_UNVERIFIED}")
    _write(result, output or [], decimals)
    if report:
        reports.write(report, scored, ctx, data=data_folder(data), decimals=decimals)
    dump(scored, per_bin=per_bin, per_sample=per_sample)
    if not output:
        typer.echo(_shown(result, "score-only" if score_only else format_, decimals, short=short), nl=False)
    _summarise(result, outcomes, decimals)
    for outcome in outcomes:
        typer.echo(f"{'ok    ' if outcome.held else 'FAILED'}  {outcome.line}", err=True)
    if failed := [outcome for outcome in outcomes if not outcome.held]:
        raise CheckError(f"{len(failed)} of {len(outcomes)} checks did not hold")


def _shown(result: Result, form: str, decimals: int, *, short: bool = False) -> str:
    """The result in a format, as text; with ``short`` the signature of a table is the short one."""
    from dircli.scores.signature import short as shortened

    if short and form != "json":
        result = replace(result, stated=shortened(result.signature))
    if form == "score-only":
        from dircli.report.formats.table import scores_only

        return scores_only(result, decimals)
    return NAMED[form].render(result, decimals)


def _check_endings(results: list[Path], tables: list[Path]) -> None:
    """UsageError for every file name whose ending names no format, before anything is computed."""
    from dircli.store.parquet import check_endings

    if unknown := [str(path) for path in results if str(path) != "-" and path.suffix not in BY_ENDING]:
        raise UsageError(f"--output {', '.join(unknown)}: end the name in one of {', '.join(BY_ENDING)}")
    check_endings(tables)


def _write(result: Result, paths: list[Path], decimals: int) -> None:
    """The result to each of ``paths``, in the format of its ending; "-" is JSON on stdout."""
    from dircli.report import console
    from dircli.store import files

    for path in paths:
        if str(path) == "-":
            typer.echo(_shown(result, "json", decimals), nl=False)
            continue
        files.write(path, BY_ENDING[path.suffix].render(result, decimals).encode())
        console.note(f"written to {path}")


def _summarise(result: Result, outcomes: Sequence[Outcome], decimals: int) -> None:
    """Append the Markdown to the summary page of a GitHub workflow, where there is one."""
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if not page:
        return
    lines = [f"- {'✅' if outcome.held else '❌'} {outcome.line}" for outcome in outcomes]
    with Path(page).open("a", encoding="utf-8") as stream:
        stream.write("\n".join([_shown(result, "markdown", decimals), *lines, ""]))
