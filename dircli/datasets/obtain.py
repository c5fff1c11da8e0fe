"""Raw files brought to the user's folder: what is missing is fetched, what cannot be fetched is explained in steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from dircli import datasets
from dircli.benchmark.dataset import Source
from dircli.errors import InputError, SourceError
from dircli.store import files
from dircli.store.download.fetch import DownloadPlan, Fetched, fetch, plan
from dircli.store.download.listing import entries, unlogged, unwelcome
from dircli.store.raw.containers import UNFINISHED
from dircli.store.raw.formats import is_archive
from dircli.store.raw.tree import OneFile, open_raw

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from dircli.benchmark.dataset import Catalogue, Dataset
    from dircli.benchmark.raw import Raw
    from dircli.store.download.transfer import Progress

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
class DownloadOptions:
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


def plans(dataset: Dataset, sources: Iterable[Source], *, data: Path, mirror: str | None) -> list[DownloadPlan]:
    """What would be done for each source; nothing is transferred.

    Raises SourceError with a line for each other file that stands under the name of one.
    """
    planned, failures = _planned(sources, data / dataset.name, mirror)
    if failures:
        raise SourceError("\n".join(failures))
    return planned


def _planned(sources: Iterable[Source], folder: Path, mirror: str | None) -> tuple[list[DownloadPlan], list[str]]:
    """What is to be done for each source, and a line for each that cannot be planned: another file stands there."""
    planned, failures = [], []
    for source in sources:
        try:
            planned.append(plan(source, folder, mirror=mirror))
        except SourceError as error:
            failures.append(str(error))
    return planned, failures


def obtain(dataset: Dataset, sources: Sequence[Source], terms: DownloadOptions) -> list[Fetched]:
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


def absent(dataset: Dataset, terms: DownloadOptions, what: str) -> SourceError:
    """The error that says ``what`` is not here, and how to obtain it."""
    return SourceError(f"{dataset.name}: {what}\n{steps(dataset, terms.data)}")


def raw_source(dataset: Dataset, given: Path | None, terms: DownloadOptions, *, download: bool) -> Raw | None:
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


def split_files(dataset: Dataset, given: Path | None, terms: DownloadOptions) -> Raw:
    """The published split files as ``given``, or in the dataset's own folder; downloaded to there if missing."""
    here = split_files_here(dataset, given, terms)
    if here is not None:
        return here
    folder = terms.data / dataset.name
    obtain(dataset, [source for source in dataset.released if not (folder / source.file).is_file()], terms)
    return open_raw(folder)


def split_files_here(dataset: Dataset, given: Path | None, terms: DownloadOptions) -> Raw | None:
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


PATIENT = 3
"""So many files in a row that cannot be had end a download; one does before any has come."""

REFUSED = "the token was refused, or your agreement is not approved or has ended; see the steps, and"


def _bring(dataset: Dataset, catalogue: Catalogue, terms: DownloadOptions, *, only: str) -> list[Fetched]:
    """Bring the labels, or all, to the dataset's folder, laid out as the provider's; what is there is left alone.

    Raises SourceError, with the steps to obtain the files, where there is no token or a file cannot be had.
    """
    token, folder = _token(dataset, catalogue, terms), terms.data / dataset.name
    with unlogged():
        accept(dataset, folder, terms.consent)
        sources = list(_sources(dataset, catalogue, terms, token, only=only))
        fetched, failures, barren = list[Fetched](), list[str](), 0
        for source in sources:
            try:
                planned = plan(source, folder, mirror=terms.mirror)
            except SourceError as error:  # another file stands there: no word on the provider
                failures.append(str(error))
                continue
            try:
                fetched.append(fetch(planned, progress=terms.progress, token=token))
                barren = 0 if fetched[-1].fresh else barren
            except SourceError as error:
                failures.append(_told(str(error), catalogue))
                barren += 1
            if barren >= PATIENT or (barren and not any(each.fresh for each in fetched)):
                failures.append(f"gave up with {len(sources) - len(fetched):,} of {len(sources):,} files missing")
                break
    if failures:
        raise SourceError("\n".join([*failures, steps(dataset, terms.data)]))
    return fetched


def _gated_plans(dataset: Dataset, catalogue: Catalogue, terms: DownloadOptions, *, only: str) -> list[DownloadPlan]:
    """What `_bring` would do; the provider is asked for its list, and nothing else is transferred."""
    token = _token(dataset, catalogue, terms)
    with unlogged():
        sources = list(_sources(dataset, catalogue, terms, token, only=only))
    return plans(dataset, sources, data=terms.data, mirror=terms.mirror)


def complete(dataset: Dataset, catalogue: Catalogue, terms: DownloadOptions) -> None:
    """Bring the labels to the dataset's folder if there are none; whatever version is there will do."""
    tree = raw_source(dataset, None, terms, download=False)
    members = tree.members() if tree else ()
    if not all(shelf.choose(members) for shelf in catalogue.shelves if shelf.holds == "labels"):
        _bring(dataset, catalogue, terms, only="labels")


def _token(dataset: Dataset, catalogue: Catalogue, terms: DownloadOptions) -> tuple[str, str]:
    """The query parameter and its value; SourceError, with the steps to get one, where there is no token."""
    value = terms.token(dataset) if terms.token else None
    if not value:
        what = f"{dataset.name}: its files are handed out to holders of a token alone, and there is none"
        raise SourceError(f"{what}; set {catalogue.variable}\n{steps(dataset, terms.data)}")
    return catalogue.parameter, value


def _sources(
    dataset: Dataset, catalogue: Catalogue, terms: DownloadOptions, token: tuple[str, str], *, only: str
) -> Iterator[Source]:
    """The files that the provider lists and the dataset uses; SourceError where a shelf holds none of them."""
    for shelf in catalogue.shelves:
        if only != "all" and shelf.holds != "labels":
            continue
        try:
            listed = {entry.path: entry for entry in entries(catalogue.listing, shelf.folder, token=token)}
        except SourceError as error:
            told = _told(str(error), catalogue)
            raise SourceError(f"{told}\n{steps(dataset, terms.data)}") from None
        chosen = shelf.choose(list(listed))
        if not chosen:
            told = f"{catalogue.listing} lists no {shelf.folder}/{shelf.what}; {REFUSED} {catalogue.variable}"
            raise SourceError(f"{told}\n{steps(dataset, terms.data)}")
        for entry in (listed[path] for path in chosen):
            url = catalogue.files + quote(entry.path)
            yield Source(file=entry.path, holds=shelf.holds, urls=(url,), size=entry.size, digest=entry.digest)


def _told(reason: str, catalogue: Catalogue) -> str:
    """``reason``, and where it may be so what it means: the provider does not take the token."""
    return f"{reason}\n{REFUSED} {catalogue.variable}" if unwelcome(reason) else reason


def download(name: str, *, only: str, terms: DownloadOptions) -> list[Fetched]:
    """Bring the raw files of ``name``: what curation needs ("labels"), or also images and recordings ("all")."""
    dataset = datasets.load(name)
    if dataset.catalogue:
        return _bring(dataset, dataset.catalogue, terms, only=only)
    return obtain(dataset, wanted(dataset, only), terms)


def download_plans(name: str, *, only: str, terms: DownloadOptions) -> list[DownloadPlan]:
    """What `download` would do; nothing is transferred."""
    dataset = datasets.load(name)
    if dataset.catalogue:
        return _gated_plans(dataset, dataset.catalogue, terms, only=only)
    return plans(dataset, wanted(dataset, only), data=terms.data, mirror=terms.mirror)
