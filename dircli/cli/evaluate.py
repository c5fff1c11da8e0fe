"""`dir evaluate`: scores of prediction files by shot region."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from dircli.cli import github, guess
from dircli.cli.download_options import Data, raw_files
from dircli.cli.options import (
    AsJson,
    BenchmarkOptions,
    EngineOptions,
    Force,
    ManifestOptions,
    PredictionLayout,
    Protocol,
    Quiet,
    in_form,
    option,
)
from dircli.errors import CheckError, UsageError, printable
from dircli.report import console
from dircli.report.formats import BY_ENDING, NAMED, Name
from dircli.store import places

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dircli.scores.compare.checks import Outcome
    from dircli.scores.partitioned import Run
    from dircli.scores.results import Result, Scored
    from dircli.scores.uncertainty.quantify import BootstrapOptions

PAGES = (".html", ".htm")
UNSAID = {"quiet", "verbose", "data", "force", "engine", "scheduler", "workers", "scratch"}
"""The options that a report leaves out, for they say nothing about the result."""


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How the result is printed, or written to files."""

    panel: ClassVar[str] = "Output"
    format: Name | None = option(
        None,
        "How to print the result; latex has the metrics of the paper's table, unless --metrics names others.",
        "table",
    )
    as_json: AsJson = False
    output: list[Path] | None = option(
        None, f"Write it to this file, not to stdout, in the format of its ending ({' '.join(BY_ENDING)}); repeatable."
    )
    decimals: int = option(3, "Decimals of shown scores.", flags="--decimals -w", min=0, max=12)
    score_only: bool = option(False, "Print the numbers alone, a line per file.")
    short: bool = option(False, "A short signature under the table.")

    @property
    def form(self) -> str:
        """The form on stdout: as asked for, else a table, or JSON where --output names stdout."""
        asked = in_form(self.format, as_json=self.as_json)
        if not self.score_only:
            return asked or ("json" if Path("-") in (self.output or ()) else "table")
        if asked not in {None, "table"}:
            raise UsageError("--score-only is a form of its own; leave it out, or --json and --format")
        return "score-only"


@dataclass(frozen=True, kw_only=True)
class IntervalOptions:
    """How sure the scores are."""

    panel: ClassVar[str] = "Uncertainty"
    ci: bool = option(False, "Add 95 % intervals, and compare each file with the first.")
    bootstrap: int = option(2000, "Resamples, and swaps of the paired test.", min=100)
    seed: int = option(666, "The seed of resamples and swaps.", min=0)
    bca: bool = option(False, "BCa intervals instead of percentile ones.")
    poisson: bool = option(False, "Draw each row by itself (Poisson bootstrap), as --engine dask always does.")
    cluster: str | None = option(None, "Draw whole groups of this manifest column, such as identity or image.")
    seeds: bool = option(False, "Files name@seed.csv are seeds of one system: show mean ± sd.")

    def bootstrapped(self, *, divided: bool) -> BootstrapOptions | None:
        """How resamples are drawn, perhaps of rows that are ``divided``; None where no intervals are asked for.

        UsageError where options do not fit together.
        """
        if not (self.ci or self.bca or self.cluster or self.poisson):
            return None
        from dircli.scores.uncertainty.quantify import BootstrapOptions

        poisson = self.poisson or divided
        if poisson and (self.bca or self.cluster):
            what = "--bca" if self.bca else "--cluster"
            which = "--poisson" if self.poisson else "--engine dask"
            raise UsageError(f"{what} needs all rows at once, and {which} draws each by itself; leave one of them out")
        method: Literal["bca", "percentile", "poisson"]
        method = "bca" if self.bca else "poisson" if poisson else "percentile"
        return BootstrapOptions(resamples=self.bootstrap, seed=self.seed, method=method, cluster=self.cluster)


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What the scores must hold to."""

    panel: ClassVar[str] = "Checks"
    fail_if: list[str] | None = option(None, 'Exit 1 if this holds, such as "few.mae > 12"; repeatable.')
    against: Path | None = option(None, "Exit 1 if a score is worse than in this JSON result.")
    tolerance: str | None = option(None, "What --against allows: 0.1, or 2% of the earlier score.", "0")

    def prepared(self) -> Callable[[Result], list[Outcome]]:
        """The function that tells how a result fares; the earlier one is read before anything is computed."""
        if self.tolerance is not None and self.against is None:
            raise UsageError("--tolerance is what --against allows; give --against RESULT.json, too")
        if not self.fail_if and self.against is None:
            return lambda _: []
        from dircli.scores.compare import checks
        from dircli.scores.results import read

        allowed = checks.tolerance(self.tolerance or "0")
        earlier = read(self.against) if self.against else None

        def outcomes(result: Result) -> list[Outcome]:
            found = checks.conditions(self.fail_if or [], result)
            if earlier:
                found += checks.regressions(result, earlier, allowed=allowed)
                for name in checks.not_compared(result, earlier):
                    typer.echo(f"{name}: not compared, for the earlier result does not have it", err=True)
            return found

        return outcomes

    def note_doubts(self) -> None:
        """Say on stderr which conditions fail where the score is good."""
        if self.fail_if:
            from dircli.scores.compare import checks

            for doubt in checks.doubts(self.fail_if):
                console.note(doubt)


@dataclass(frozen=True, kw_only=True)
class DetailOptions:
    """What else is written."""

    panel: ClassVar[str] = "Details"
    per_bin: Path | None = option(None, "Write the scores of each bin to this .csv or .parquet.")
    per_sample: Path | None = option(None, "Write the error of each sample to this .csv or .parquet.")
    report: Path | None = option(None, "Write scores, pictures and the worst samples to this .html page.")


@dataclass(frozen=True, kw_only=True)
class ScoredLayout(PredictionLayout):
    """Which column of a scored file holds what, also where it has more than predictions."""

    target_column: str = option("target", "The column of targets, checked where it is there.")
    sigma_column: str = option("sigma", "The column of predicted standard deviations.")


@dataclass(frozen=True, kw_only=True)
class ScoringEngine(EngineOptions):
    """Who scores."""

    scratch: Path | None = option(
        None,
        "With workers on other machines: a folder that all of them see, for temporary files.",
        "the temporary files here",
    )

    @contextmanager
    def run(self, predictions: list[str], *, keep_rows: bool) -> Iterator[Run | None]:
        """How files are scored by another engine; None by this process. UsageError for what only this process can."""
        is_local = self.engine == "local"
        places.here(self.scratch)
        if is_local and self.scratch is not None:
            raise UsageError("--scratch is where --engine dask divides rows; add that")
        if not is_local and keep_rows:
            raise UsageError(f"--report, --per-bin and --per-sample {NEED_ROWS}")
        if not is_local and "-" in predictions:
            raise UsageError("standard input cannot be divided among workers; give files, or leave out --engine")
        with self.opened() as engine:
            if is_local:
                yield None
                return
            from dircli.report.progress import counting
            from dircli.scores.partitioned import Run

            yield Run(engine=engine, watch=counting, scratch=self.scratch)


NEED_ROWS = "need the rows themselves, of which a cluster gives sums alone; leave out --engine"


def evaluate(
    *,
    ctx: typer.Context,
    predictions: Annotated[
        list[str],
        typer.Argument(
            metavar="PREDS...",
            help="CSV, TSV, JSON lines, Parquet or npy files, also by URL; a folder or quoted glob of them is one; "
            "- is stdin. Of maps: npy, HDF5 or folders of PNG.",
        ),
    ],
    benchmark: BenchmarkOptions,
    where: ManifestOptions,
    protocol: Protocol = "released",
    metrics: str = option(
        "", "Names with commas between, or all that can be had.", "the usual ones", autocompletion=guess.metrics
    ),
    shown: OutputOptions,
    interval: IntervalOptions,
    check: CheckOptions,
    details: DetailOptions,
    columns: ScoredLayout,
    who: ScoringEngine,
    data: Data = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Score prediction files: one row per sample of the split, with its id and its prediction."""
    from dircli.scores import from_files
    from dircli.scores.metrics.table import listed
    from dircli.store import files
    from dircli.store.predictions import Layout

    name, manifests = where.located(benchmark.dataset)
    output, decimals = shown.output or [], shown.decimals
    form = shown.form
    names = listed(metrics)
    layout = Layout(**vars(columns))
    keep = bool(details.report or details.per_bin or details.per_sample)
    request = from_files.ScoreOptions(
        split=benchmark.split, protocol=protocol, metrics=names, layout=layout, keep_rows=keep
    )
    _check_endings(output, details)
    _check_places(predictions, output, details, check.against, benchmark.bins)
    outcomes_of = check.prepared()
    sampling = interval.bootstrapped(divided=who.engine != "local")
    with who.run(predictions, keep_rows=keep) as run:
        scored = from_files.evaluate(
            predictions,
            request,
            name=name,
            root=manifests,
            bins_file=benchmark.bins,
            sampling=sampling,
            seeds=interval.seeds,
            run=run,
        )
    result = scored.result
    outcomes = outcomes_of(result)
    check.note_doubts()
    _note_what_is_known(scored)
    written = [path for path in output if str(path) != "-"]
    contents = {}
    for path in written:
        by_ending = BY_ENDING[path.suffix]
        contents[path] = by_ending.render(_of_form(by_ending.name, scored, names), decimals, to_file=True).encode()
    if details.report:
        contents[details.report] = _report(scored, ctx, data=raw_files(data), decimals=decimals)
    if details.per_bin or details.per_sample:
        from dircli.scores import breakdown

        contents |= breakdown.tables(scored, per_bin=details.per_bin, per_sample=details.per_sample)
    files.write_each(contents, force=force)
    for path in contents:
        console.note(f"written to {path}")
    to_stdout = not output or len(written) < len(output)
    _note_paper_metrics(
        [*(BY_ENDING[path.suffix].name for path in written), *([form] if to_stdout else [])], scored, names
    )
    if to_stdout:
        typer.echo(_shown(_of_form(form, scored, names), form, decimals, short=shown.short), nl=False)
    _judge(outcomes, lambda: _shown(result, "markdown", decimals))


def _judge(outcomes: Sequence[Outcome], table: Callable[[], str]) -> None:
    """Say how each check fared, in a GitHub workflow also in its own ways; CheckError where one failed."""
    from dircli.report.formats import markdown

    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        lines = [f"- {'✅' if outcome.held else '❌'} {markdown.plain(outcome.verdict)}" for outcome in outcomes]
        try:
            with Path(summary).open("a", encoding="utf-8") as stream:
                stream.write("\n".join([table(), *lines, ""]))
        except OSError as error:
            console.note(f"the table is not in the summary: {summary} cannot be written ({error.strerror})")
    for outcome in outcomes:
        typer.echo(printable(outcome.verdict), err=True)
        if not outcome.held and github.asked_for():
            line = github.annotation(outcome.verdict, title=outcome.score, file=outcome.file)
            typer.echo(line, err=True)
    if failed := [outcome for outcome in outcomes if not outcome.held]:
        raise CheckError(f"{len(failed)} of {len(outcomes)} checks failed")


def _note_what_is_known(scored: Scored) -> None:
    """Say on stderr what the scores do not: that nobody knows the rows, what was left out, and signs of a mistake."""
    from dircli.datasets.open import BY_HASH, PROVEN, TARGETS_UNVERIFIED

    if scored.result.content.startswith("bins:"):
        console.note(f"{scored.result.dataset}: {TARGETS_UNVERIFIED}")
    manifest = scored.against.manifest
    if manifest is not None and BY_HASH in manifest.facts:
        console.note(f"{scored.result.dataset}: {PROVEN.format(scored.result.split)}")
    for note in scored.notes:
        console.note(note)
    if scored.left_out:
        console.note(f"{', '.join(scored.left_out)}: left out, as the file has too many rows to sort them")
    if not scored.systems or console.quiet:
        return
    from dircli.scores.explain import warnings

    for system in scored.systems:
        for sign in warnings(system.reference, system.values, scored.against, in_file_order=system.file.values):
            console.note(f"{printable(system.name)}: {sign}")


def _of_form(form: str, scored: Scored, names: list[str]) -> Result:
    """The result with the metrics that a format has, where none were asked for by ``names``."""
    if names or form not in NAMED or not NAMED[form].for_papers:
        return scored.result
    from dircli.scores.compare.paper import printed

    dataset = scored.against.dataset
    return scored.result.only(printed(dataset.name if dataset else None))


def _note_paper_metrics(forms: Sequence[str], scored: Scored, names: list[str]) -> None:
    """Say on stderr which of ``forms`` leave out metrics that were computed, for nobody asked for these by name."""
    for form in dict.fromkeys(forms):
        if _of_form(form, scored, names).metrics != scored.result.metrics:
            console.note(f"{form} has the metrics of the paper's table; --metrics names others")


def _shown(result: Result, form: str, decimals: int, *, short: bool = False) -> str:
    """The result in a format, as text; with ``short`` the signature of a table is the short one."""
    if short and form != "json":
        from dircli.scores import signature

        result = replace(result, stated=signature.short(result.signature))
    if form == "score-only":
        from dircli.report.formats.table import scores_only

        return scores_only(result, decimals)
    return NAMED[form].render(result, decimals)


def _check_endings(results: list[Path], details: DetailOptions) -> None:
    """UsageError for every file name whose ending names no format, or a report that cannot be drawn."""
    from dircli.store.parquet import check_endings

    if details.report:
        from dircli.report.figures import style

        style.need()
        if details.report.suffix not in PAGES:
            raise UsageError(f"--report {details.report}: a report is a page; end the name in {' or '.join(PAGES)}")
    if unknown := [str(path) for path in results if str(path) != "-" and path.suffix not in BY_ENDING]:
        raise UsageError(f"--output {', '.join(unknown)}: end the name in one of {', '.join(BY_ENDING)}")
    check_endings([path for path in (details.per_bin, details.per_sample) if path])


def _check_places(
    predictions: list[str], results: list[Path], details: DetailOptions, against: Path | None, bins: Path | None
) -> None:
    """UsageError where two outputs are one file, or one of them is a file that is read."""
    from dircli.store.outputs import check_outputs, input_paths

    named = {"--report": details.report, "--per-bin": details.per_bin, "--per-sample": details.per_sample}
    read = {"--against": against, "--bins": bins}
    check_outputs(
        [*(("--output", path) for path in results), *((name, path) for name, path in named.items() if path)],
        [
            *(("PREDS", path) for each in predictions for path in input_paths(each)),
            *((name, path) for name, path in read.items() if path),
        ],
    )


def _report(scored: Scored, ctx: typer.Context, *, data: Path, decimals: int) -> bytes:
    """The report on ``scored``, a page."""
    from dircli.report.figures import figures
    from dircli.report.page import content, html

    page = content.page(scored, command=_command_line(ctx), data=data)
    pictures = figures.for_page(page.density, page.errors)
    return html.page(page, pictures, decimals=decimals).encode(errors="replace")


def _command_line(ctx: typer.Context) -> str:
    """The command line that was given, in the order of the help, without the folders of this machine."""
    words = []
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(str(parameter.name))
        if source is None or source.name not in {"COMMANDLINE", "ENVIRONMENT"} or parameter.name in UNSAID:
            continue
        given = ctx.params[str(parameter.name)]
        is_argument = parameter.param_type_name == "argument"
        for value in given if isinstance(given, list | tuple) else [given]:
            if not is_argument:
                words.append(max(parameter.opts, key=len))
            if value is not True:
                is_path = is_argument or isinstance(value, Path)
                words.append((places.of(value).name if is_path else "") or places.shown(str(value)))
    return shlex.join(["dir", str(ctx.command.name), *words])
