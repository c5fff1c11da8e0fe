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


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How to download: into which folder, from which mirror, with whose consent, and who watches."""

    data: Path
    mirror: str | None
    consent: Consent
    progress: Progress


def steps(dataset: Dataset, data: Path) -> str:
    """How to obtain the files of ``dataset``, one step a line."""
    lines = (f"  {number}. {step}" for number, step in enumerate(dataset.obtain, 1))
    return "\n".join([f"How to obtain {dataset.title} (the folder is {data / dataset.name}):", *lines])


def wanted(dataset: Dataset, only: str) -> list[Source]:
    """The sources that ``only`` names: "labels" is all that curation needs, "all" adds the images."""
    return [source for source in dataset.sources if only == "all" or source.holds != "images"]


def plans(dataset: Dataset, sources: Iterable[Source], *, data: Path, mirror: str | None) -> list[Plan]:
    """What would be done for each source; nothing is transferred."""
    return [plan(source, data / dataset.name, mirror=mirror) for source in sources]


def obtain(dataset: Dataset, sources: Sequence[Source], terms: Terms) -> list[Fetched]:
    """Bring ``sources`` to the dataset's folder; those that are there and whole are left alone.

    Raises SourceError, with the steps to obtain the files by hand, where one cannot be had; the others are brought all
    the same.
    """
    folder = terms.data / dataset.name
    planned = plans(dataset, sources, data=terms.data, mirror=terms.mirror)
    if any(not each.present and each.urls for each in planned):
        _accept(dataset, folder, terms.consent)
    fetched, failures = [], []
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


def _accept(dataset: Dataset, folder: Path, consent: Consent) -> None:
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
    held = any(path.name not in ours and not path.name.endswith(UNFINISHED) for path in found)
    return open_raw(folder) if held else None


def _holds(tree: Raw, file: str) -> bool:
    try:
        return tree.find(file) is not None
    except InputError:  # several answer to the name
        return True
