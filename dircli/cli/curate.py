"""`dir curate`: the manifest of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dircli.cli import custom_options
from dircli.cli.download_options import AcceptLicense, Mirror, Token, terms
from dircli.cli.options import Data, Name, Protocol, Quiet
from dircli.errors import CheckError, UsageError, first_ten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dircli.curation.recordings import Recording


def curate(
    name: Name,
    raw: Annotated[
        Path | None, typer.Option(help="The raw source: a folder or an archive.", show_default="DIR_DATA/NAME")
    ] = None,
    split: Annotated[
        Literal["released", "redraw"] | None,
        typer.Option(
            help="Import the published split, or draw a new one by the same rule.",
            show_default="released, where there is one",
        ),
    ] = None,
    released: Annotated[
        Path | None,
        typer.Option(help="The published split: its file, or the folder of its files.", show_default="DIR_DATA/NAME"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="The seed of a redraw, or of --skew.", show_default="666")
    ] = None,
    called: Annotated[
        str | None, typer.Option("--name", help="The manifest's name.", show_default="the dataset's")
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", "--manifests", envvar="DIR_MANIFESTS", help="The folder of manifests; NAME in it."),
    ] = Path("manifests"),
    only: Annotated[
        str | None, typer.Option(help="One part of the sources alone, such as wiki; never the benchmark itself.")
    ] = None,
    check_images: Annotated[
        bool, typer.Option("--check-images", help="Open every image, and list the unreadable ones beside the manifest.")
    ] = False,
    check_signals: Annotated[
        bool,
        typer.Option("--check-signals", help="Open every recording, and list what each holds beside the manifest."),
    ] = False,
    protocol: Protocol = "released",
    drop_train: custom_options.Drop = None,
    skew: custom_options.Skew = None,
    train_size: custom_options.TrainSize = None,
    table: custom_options.Table = None,
    target: custom_options.Target = None,
    id_: custom_options.Id = None,
    bin_width: custom_options.Width = None,
    range_: custom_options.Range = None,
    edges: custom_options.Edges = None,
    bins: custom_options.AutoBins = None,
    outside: custom_options.Outside = None,
    per_bin: custom_options.PerBin = None,
    many: custom_options.Many = None,
    few: custom_options.Few = None,
    group: custom_options.Group = None,
    split_column: custom_options.SplitColumn = None,
    unit: custom_options.Unit = None,
    mirror: Mirror = None,
    accept_license: AcceptLicense = False,
    token: Token = None,
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Make a manifest: samples, bins and splits, with all that they came from; of a benchmark, or a table (custom)."""
    from dircli import datasets
    from dircli.curation.derive import Cut

    drawn = 666 if seed is None else seed
    cut = Cut.of(drop_train or [], skew, train_size, drawn)
    given: dict[str, Any] = {"--target": target, "--id": id_, "--bin-width": bin_width, "--range": range_}
    given |= {"--edges": edges, "--bins": bins, "--outside": outside, "--per-bin": per_bin, "--many": many}
    given |= {"--few": few, "--group": group, "--split-column": split_column, "--unit": unit}
    if name == datasets.OWN:
        foreign: dict[str, Any] = {"--raw": raw, "--split": split, "--released": released, "--only": only}
        _refuse(foreign | {"--check-images": check_images or None, "--check-signals": check_signals or None}, name)
        from dircli.curation import custom

        made = custom.curate(custom_options.order(table, cut, seed=drawn, called=called, given=given), root=out)
        _tell(made.facts, made.edges, out, protocol)
        return
    from dircli.curation import images, recordings
    from dircli.curation.curate import curate, usual_split
    from dircli.curation.options import CurateOptions
    from dircli.report.progress import counting

    _refuse({"--table": table} | given, name)
    if split is None:
        split = usual_split(name, part=only, released=released)
    if only and split == "released":
        raise UsageError("the published split is of the whole benchmark; --only goes with --split redraw")
    if seed is not None and split == "released" and skew is None:
        raise UsageError("the published split is imported, not drawn; --seed goes with --split redraw, or --skew")
    order = CurateOptions(raw=raw, released=released, split=split, seed=drawn, part=only, called=called, cut=cut)
    if check_signals:
        recordings.need_signals(name)
    with terms(data, mirror, accept=accept_license, token=token) as how:
        manifest = curate(name, order, root=out, terms=how, watch=counting)
    facts = manifest.facts
    _tell(facts, manifest.table.bins.edges, out, protocol)
    if check_images:
        with counting("images", facts["rows"]) as done:
            unreadable = images.check_images(manifest, order, root=out, terms=how, done=done)
        typer.echo(f"{facts['rows']:,} images, {len(unreadable):,} of them unreadable")
        if unreadable:
            path = out / str(facts["name"]) / "unreadable.csv"
            raise CheckError(f"{facts['name']}: {len(unreadable):,} images cannot be read; they are listed in {path}")
    if check_signals:
        _tell_signals(*recordings.check_signals(manifest, order, root=out, terms=how))


def _refuse(given: Mapping[str, object], name: str) -> None:
    """UsageError that names all of the options that were ``given`` and mean nothing for ``name``."""
    if wrong := [option for option, value in given.items() if value is not None]:
        raise UsageError(f"{', '.join(wrong)}: not for `dir curate {name}`; see `dir curate --help`")


def _tell(facts: Mapping[str, Any], edges: Any, out: Path, protocol: str) -> None:
    """What was made: notes on stderr; the rows of each split, a density that was asked for, and the content."""
    from dircli.report import console, tables

    for note in (*facts["notes"], *(f"{key}: {_told(value)}" for key, value in facts["facts"].items())):
        console.note(f"{facts['name']}: {note}")
    console.note(f"regions by the {protocol} protocol; written to {out / str(facts['name'])}")
    console.out().print(tables.splits(facts, protocol))
    custom_options.tell_skew(facts, edges)
    typer.echo(f"{facts['name']} ({facts['origin']}) {facts['content']}")


def _tell_signals(recordings: list[Recording], path: Path) -> None:
    """The summary on stdout; CheckError, with the first findings, where there are any."""
    from dircli.report import console

    wrong = [recording for recording in recordings if recording.findings]
    inverted = sum(bool(recording.inverted) for recording in recordings)
    typer.echo(f"{len(recordings):,} recordings, {len(wrong):,} of them with findings; the table is {path}")
    if inverted:
        console.note(f"{inverted:,} have effort belts that run from high to low, as this source is known to write them")
    if wrong:
        lines = first_ten(wrong, lambda each: f"  {each.id}: {'; '.join(each.findings)}", "  and {:,} more".format)
        raise CheckError("\n".join([f"{len(wrong):,} of {len(recordings):,} recordings have findings:", *lines]))


def _told(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value
