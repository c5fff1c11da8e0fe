"""Raw files brought to the user's folder: what is missing is fetched, what cannot be fetched is explained in steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dircli.errors import InputError, SourceError
from dircli.store import files
from dircli.store.archives import UNFINISHED, is_archive, open_raw
from dircli.store.fetch import Plan, fetch, plan
from dircli.store.files import OneFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from dircli.datasets._spec import Dataset
    from dircli.sources import Raw, Source
    from dircli.store.fetch import Fetched, Progress

ACCEPTED = "LICENCE-ACCEPTED.txt"


class Consent(Protocol):
    """Asks the user to accept a dataset's terms before its first download; raises UsageError where they are not."""

    def __call__(self, dataset: Dataset) -> None:
        """Return once they are accepted."""
        ...


class Ask(Protocol):
    """Finds the user's token for a dataset whose provider wants one."""

    def __call__(self, dataset: Dataset) -> str | None:
        """Return it, or None where there is none and nobody can be asked."""
        ...


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How to download: into which folder, from which mirror, with whose consent and token, and who watches."""

    data: Path
    mirror: str | None
    consent: Consent
    progress: Progress
    token: Ask | None = None


def steps(dataset: Dataset, data: Path) -> str:
    """How to obtain the files of ``dataset``, one step a line."""
    lines = (f"  {number}. {step}" for number, step in enumerate(dataset.obtain, 1))
    return "\n".join([f"How to obtain {dataset.title} (the folder is {data / dataset.name}):", *lines])


def wanted(dataset: Dataset, only: str) -> list[Source]:
    """The sources that ``only`` names: "labels" is all that curation needs, "all" adds images and recordings."""
    return [source for source in dataset.sources if only == "all" or source.holds in {"labels", "released"}]


def plans(dataset: Dataset, sources: Iterable[Source], *, data: Path, mirror: str | None) -> list[Plan]:
    """What would be done for each source; nothing is transferred.

    Raises SourceError with a line for each other file that stands under the name of one.
    """
    planned, failures = _planned(sources, data / dataset.name, mirror)
    if failures:
        raise SourceError("\n".join(failures))
    return planned


def _planned(sources: Iterable[Source], folder: Path, mirror: str | None) -> tuple[list[Plan], list[str]]:
    """What is to be done for each source, and a line for each that cannot be planned: another file stands there."""
    planned, failures = [], []
    for source in sources:
        try:
            planned.append(plan(source, folder, mirror=mirror))
        except SourceError as error:
            failures.append(str(error))
    return planned, failures


def obtain(dataset: Dataset, sources: Sequence[Source], terms: Terms) -> list[Fetched]:
    """Bring ``sources`` to the dataset's folder; those that are there and whole are left alone.

    Raises SourceError, with the steps to obtain the files by hand, where one cannot be had; the others are brought all
    the same.
    """
    folder = terms.data / dataset.name
    fetched: list[Fetched] = []
    planned, failures = _planned(sources, folder, terms.mirror)
    if any(not each.present and each.urls for each in planned):
        accept(dataset, folder, terms.consent)
    for each in planned:
        try:
            found = fetch(each, progress=terms.progress)
        except SourceError as error:
            failures.append(str(error))
            continue
        fetched.append(found)
        if found.fresh and not found.verified:
            terms.progress.note(
                f"{found.path.name}: no hash was known; sha256 {found.sha256} is recorded and held from now on"
            )
    if failures:
        raise SourceError("\n".join([*failures, steps(dataset, terms.data)]))
    return fetched


def accept(dataset: Dataset, folder: Path, consent: Consent) -> None:
    """Ask once per dataset and folder; what was accepted is kept beside the files."""
    terms = f"{dataset.title}: {dataset.licence}\n{dataset.homepage}\n".encode()
    path = folder / ACCEPTED
    if path.is_file() and path.read_bytes() == terms:
        return
    consent(dataset)
    files.write(path, terms)


def absent(dataset: Dataset, terms: Terms, what: str) -> SourceError:
    """The error that says ``what`` is not here, and how to obtain it."""
    return SourceError(f"{dataset.name}: {what}\n{steps(dataset, terms.data)}")


def raw_source(dataset: Dataset, given: Path | None, terms: Terms, *, download: bool) -> Raw | None:
    """The raw source as ``given``; else the dataset's own folder, or None where that holds none.

    With ``download``, sources that curation needs and that are public are brought first, unless what they give is
    there in another form, such as the unpacked files.
    """
    if given is not None:
        return open_raw(given)
    tree = _own_folder(dataset, terms.data)
    labels = [source for source in dataset.sources if source.holds == "labels"]
    missing = [source for source in labels if not (tree and all(_holds(tree, file) for file in source.gives))]
    if not missing or not download:
        return tree
    obtain(dataset, missing, terms)
    return _own_folder(dataset, terms.data)


def split_files(dataset: Dataset, given: Path | None, terms: Terms) -> Raw:
    """The published split files as ``given``, or in the dataset's own folder; downloaded to there if missing."""
    here = split_files_here(dataset, given, terms)
    if here is not None:
        return here
    folder = terms.data / dataset.name
    obtain(dataset, [source for source in dataset.released if not (folder / source.file).is_file()], terms)
    return open_raw(folder)


def split_files_here(dataset: Dataset, given: Path | None, terms: Terms) -> Raw | None:
    """The published split files: the folder or archive ``given``, or the file itself where there is only one.

    Where none is given, the dataset's own folder, or None where that does not hold them all.
    """
    if not dataset.released:
        return None
    if given is not None and len(dataset.released) == 1 and given.is_file() and not is_archive(given):
        return OneFile(given)
    if given is not None:
        return open_raw(given)
    folder = terms.data / dataset.name
    return open_raw(folder) if all((folder / source.file).is_file() for source in dataset.released) else None


def _own_folder(dataset: Dataset, data: Path) -> Raw | None:
    """The dataset's own folder, where that holds a source that is not a split file."""
    folder = data / dataset.name
    ours = {ACCEPTED, *(source.file for source in dataset.released)}
    found = folder.iterdir() if folder.is_dir() else ()
    names = (path.name for path in found)
    held = any(not name.startswith(".") and name not in ours and not name.endswith(UNFINISHED) for name in names)
    return open_raw(folder) if held else None


def _holds(tree: Raw, file: str) -> bool:
    try:
        return tree.find(file) is not None
    except InputError:  # several answer to the name
        return True
