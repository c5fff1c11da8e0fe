"""`dir verify`: proof that a manifest is what it says."""

from pathlib import Path

from dircli.cli.download_options import Data, DownloadChoices, terms
from dircli.cli.options import ManifestOptions, OptionalName, Quiet, option
from dircli.report import console


def verify(
    *,
    name: OptionalName = None,
    leakage: bool = option(False, "Count and list what val and test share with train, instead."),
    released: Path | None = option(None, "The published split files, to name the rows that differ.", "DIR_DATA/NAME"),
    where: ManifestOptions,
    data: Data = None,
    quiet: Quiet = False,
) -> None:
    """Check that a manifest is intact, drawn as it claims, and equal to the published split byte for byte."""
    from dircli.errors import CheckError
    from dircli.report import tables
    from dircli.store import places

    name, manifests = where.located(name)
    if leakage:
        from dircli.curation import leakage as rows

        counts, path = rows.leakage(name, root=manifests)
        console.out().print(tables.leakage(counts))
        console.note(f"the rows are listed in {path}")
        return
    from dircli.curation import verify as proof

    with terms(DownloadChoices(data=data)) as download:
        name, checks = proof.verify(name, root=manifests, released=places.here(released), terms=download)
    console.out().print(tables.checks(checks))
    if failed := [check.name for check in checks if check.held is False]:
        raise CheckError(f"{name}: {len(failed)} of {len(checks)} checks failed: {', '.join(dict.fromkeys(failed))}")
