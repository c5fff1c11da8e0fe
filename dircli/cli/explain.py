"""`dir explain`: what lies behind the scores of one file."""

from typing import Annotated

import typer

from dircli.cli.options import BenchmarkOptions, ManifestOptions, PredictionLayout, Quiet, option


def explain(
    *,
    predictions: Annotated[str, typer.Argument(metavar="PREDS", help="A prediction file; - is stdin.")],
    benchmark: BenchmarkOptions,
    where: ManifestOptions,
    as_json: bool = option(False, "Print JSON instead of tables.", flags="--json"),
    columns: PredictionLayout,
    quiet: Quiet = False,
) -> None:
    """Show a file under both protocols, the rows that change region, its exact hits, and signs of a mistake."""
    from dircli.report import console, explained
    from dircli.report.formats.json import as_text
    from dircli.scores import explain as behind
    from dircli.scores.from_files import ScoreOptions
    from dircli.store.predictions import Layout

    name, manifests = where.located(benchmark.dataset)
    options = ScoreOptions(split=benchmark.split, protocol="released", metrics=[], layout=Layout(**vars(columns)))
    facts = behind.explain(predictions, options, name=name, root=manifests, bins_file=benchmark.bins)
    if as_json:
        typer.echo(as_text(facts.as_json()), nl=False)
        return
    for part in explained.parts(facts):
        console.show(part)
