"""`dir verify`: proof that a manifest is what it says."""

from dataclasses import asdict
from pathlib import Path

from dircli.cli.download_options import Data, DownloadChoices, terms
from dircli.cli.options import ManifestOptions, OptionalName, Quiet, TableFormat, option
from dircli.report import console


def verify(
    *,
    name: OptionalName = None,
    leakage: bool = option(False, "Count and list what val and test share with train, instead."),
    released: Path | None = option(None, "The published split files, to name the rows that differ.", "DIR_DATA/NAME"),
    where: ManifestOptions,
    shown: TableFormat,
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Check that a manifest is intact, drawn as it claims, and equal to the published split byte for byte."""
    from dircli.errors import CheckError
    from dircli.report import tables

    name, manifests = where.located(name)
    if leakage:
        from dircli.curation import leakage as rows

        counts, path = rows.leakage(name, root=manifests)
        shown.show(lambda: tables.leakage(counts), lambda: [asdict(count) for count in counts])
        console.note(f"the rows are listed in {path}")
        return
    from dircli.curation import verify as proof

    with terms(DownloadChoices(data=data)) as download:
        name, checks = proof.verify(name, root=manifests, released=released, terms=download)
    facts = {"name": name, "checks": [asdict(check) for check in checks]}
    shown.show(lambda: tables.checks(checks), lambda: facts)
    if failed := [check.name for check in checks if check.held is False]:
        raise CheckError(f"{name}: {len(failed)} of {len(checks)} checks failed: {', '.join(dict.fromkeys(failed))}")
