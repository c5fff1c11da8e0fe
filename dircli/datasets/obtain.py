"""Raw files brought to the user's folder: what is missing is fetched, what cannot be fetched is explained in steps.

Sources are public files at known addresses, or those that a provider lists and hands out to whoever holds a token.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dircli import datasets
from dircli.benchmark.dataset import Catalogue, Dataset, Source, public_file
from dircli.benchmark.raw import Raw
from dircli.datasets.variants import Variant
from dircli.errors import InputError, Problem, SourceError, UsageError, sample
from dircli.store import files, places
from dircli.store.download.fetch import DownloadPlan, Fetched, fetch, plan
from dircli.store.download.listing import entries, unlogged, unwelcome
from dircli.store.download.transfer import Progress
from dircli.store.raw.formats import is_archive
from dircli.store.raw.tree import UNFINISHED, OneFile, Tree, named_file, open_raw

ACCEPTED = "LICENCE-ACCEPTED.txt"
PATIENT = 3  # so many files of a provider in a row that cannot be had end a download; one does before any has come
REFUSED = "the token was refused, or your agreement is not approved or has ended; see the steps, and"


@dataclass(frozen=True, kw_only=True)
class DownloadOptions:
    """How to download: into which folder, from which mirror, with whose consent and token, and who watches.

    Where the folder is a URL, its files are read, and nothing is downloaded to there.
    ``consent`` asks the user to accept a dataset's terms before its first download, and raises UsageError where they
    are not; ``token`` finds the user's token for a dataset whose provider wants one, or None.
    """

    data: Path
    mirror: str | None
    consent: Callable[[Dataset], None]
    progress: Progress
    token: Callable[[Dataset], str | None] | None = None


def download(name: str, *, only: str, terms: DownloadOptions) -> list[Fetched]:
    """Bring the raw files of ``name``: what curation needs ("labels"), or also images and recordings ("all").

    Files that are there and whole are left alone. Raises SourceError, with the steps to obtain the files by hand,
    where one cannot be had; the others are brought all the same.
    """
    dataset = datasets.load(name)
    catalogue = dataset.published.catalogue
    _refuse_elsewhere(dataset, terms)
    if catalogue is None:
        return _bring(dataset, _wanted(dataset, only), terms)
    token = _token(dataset, catalogue, terms)
    with unlogged():
        _accept(dataset, terms)
        return _bring(dataset, list(_listed(dataset, catalogue, terms, token, only=only)), terms, token=token)


def download_plans(name: str, *, only: str, terms: DownloadOptions) -> list[DownloadPlan]:
    """What `download` would do; nothing is transferred, but a provider is asked for its list.

    Raises SourceError with a line for each other file that stands under the name of a source.
    """
    dataset = datasets.load(name)
    sources = _wanted(dataset, only)
    _refuse_elsewhere(dataset, terms)
    if catalogue := dataset.published.catalogue:
        with unlogged():
            sources = list(_listed(dataset, catalogue, terms, _token(dataset, catalogue, terms), only=only))
    planned = list(_plans(dataset, sources, terms))
    if failures := [str(each) for each in planned if isinstance(each, SourceError)]:
        raise SourceError("\n".join(failures))
    return [each for each in planned if isinstance(each, DownloadPlan)]


def own_folder(dataset: Dataset, terms: DownloadOptions) -> Path:
    """The folder of the dataset's own raw files."""
    return places.folder(terms.data / dataset.name)


def _refuse_elsewhere(dataset: Dataset, terms: DownloadOptions, sources: Sequence[Source] = ()) -> None:
    """UsageError where files, such as the ``sources`` that lack, would be downloaded to a URL."""
    if places.is_remote(terms.data):
        lacking = f"there is no {sample([source.file for source in sources])}, and " if sources else ""
        what = "files are downloaded to a folder of this machine alone; name one with --data, or put them there"
        raise UsageError(f"{own_folder(dataset, terms)}: {lacking}{what}")


def _wanted(dataset: Dataset, only: str) -> list[Source]:
    """The sources that ``only`` names: "labels" is all that curation needs, "all" adds images and recordings."""
    return [source for source in dataset.published.sources if only == "all" or source.holds in {"labels", "released"}]


def _plans(dataset: Dataset, sources: Iterable[Source], terms: DownloadOptions) -> Iterator[DownloadPlan | SourceError]:
    """What is to be done for each source, or why nothing can be: another file stands there."""
    for source in sources:
        try:
            yield plan(source, terms.data / dataset.name, mirror=terms.mirror)
        except SourceError as error:
            yield error


def _bring(
    dataset: Dataset, sources: Sequence[Source], terms: DownloadOptions, *, token: tuple[str, str] | None = None
) -> list[Fetched]:
    """Bring ``sources`` to the dataset's folder: public ones, or with a ``token`` those that a provider hands out."""
    if sources:
        _refuse_elsewhere(dataset, terms, sources)
    planned: Iterable[DownloadPlan | SourceError] = _plans(dataset, sources, terms)
    if token is None:
        planned = sorted(planned, key=lambda each: isinstance(each, DownloadPlan))  # errors first
        if any(isinstance(each, DownloadPlan) and not each.present and each.urls for each in planned):
            _accept(dataset, terms)
    fetched, failures, barren = list[Fetched](), list[str](), 0
    for each in planned:
        if isinstance(each, SourceError):  # no word on the provider
            failures.append(str(each))
            continue
        try:
            fetched.append(fetch(each, progress=terms.progress, token=token))
            barren = 0 if fetched[-1].fresh else barren
            if token is None and fetched[-1].fresh and not fetched[-1].verified:
                recorded = f"sha256 {fetched[-1].sha256} is recorded and held from now on"
                terms.progress.note(f"{each.path.name}: no hash was known; {recorded}")
        except SourceError as error:
            failures.append(_refusal(str(error), dataset))
            barren += 1
        if token and (barren >= PATIENT or (barren and not any(each.fresh for each in fetched))):
            failures.append(f"gave up with {len(sources) - len(fetched):,} of {len(sources):,} files missing")
            break
    if failures:
        raise absent(dataset, terms, *failures)
    return fetched


def _token(dataset: Dataset, catalogue: Catalogue, terms: DownloadOptions) -> tuple[str, str]:
    """The query parameter and its value; SourceError, with the steps to get one, where there is no token."""
    value = terms.token(dataset) if terms.token else None
    if not value:
        what = f"{dataset.name}: its files are handed out to holders of a token alone, and there is none"
        raise absent(dataset, terms, f"{what}; set {catalogue.variable}")
    return catalogue.parameter, value


def _listed(
    dataset: Dataset, catalogue: Catalogue, terms: DownloadOptions, token: tuple[str, str], *, only: str
) -> Iterator[Source]:
    """The files that the provider lists and the dataset uses; SourceError where a shelf holds none of them."""
    for shelf in catalogue.shelves:
        if only != "all" and shelf.holds != "labels":
            continue
        try:
            listed = {entry.path: entry for entry in entries(catalogue.listing, shelf.folder, token=token)}
        except SourceError as error:
            raise absent(dataset, terms, _refusal(str(error), dataset)) from None
        chosen = shelf.choose(list(listed))
        if not chosen:
            what = f"{catalogue.listing} lists no {shelf.folder}/{shelf.what}; {REFUSED} {catalogue.variable}"
            raise absent(dataset, terms, what)
        for entry in (listed[path] for path in chosen):
            url = catalogue.files + quote(entry.path)
            yield Source(file=entry.path, holds=shelf.holds, urls=(url,), size=entry.size, digest=entry.digest)


def _refusal(reason: str, dataset: Dataset) -> str:
    """``reason``, and where it may be so what it means: the provider does not take the token."""
    catalogue = dataset.published.catalogue
    return f"{reason}\n{REFUSED} {catalogue.variable}" if catalogue and unwelcome(reason) else reason


def _accept(dataset: Dataset, terms: DownloadOptions) -> None:
    """Ask once per dataset and folder; what was accepted is kept beside the files."""
    publication, path = dataset.published, terms.data / dataset.name / ACCEPTED
    text = f"{publication.title}: {publication.licence}\n{publication.homepage}\n".encode()
    if not path.is_file() or path.read_bytes() != text:
        terms.consent(dataset)
        files.write(path, text, force=True)


def absent(dataset: Dataset, terms: DownloadOptions, *lines: str) -> SourceError:
    """The error that says ``lines``, and how to obtain the files of ``dataset``, one step a line."""
    publication, folder = dataset.published, own_folder(dataset, terms)
    steps = (f"  {number}. {step}" for number, step in enumerate(publication.obtain, 1))
    return SourceError("\n".join([*lines, f"How to obtain {publication.title} (the folder is {folder}):", *steps]))


@contextmanager
def raw_source(dataset: Dataset, given: Path | None, terms: DownloadOptions, *, download: bool) -> Iterator[Raw | None]:
    """The raw source as ``given``; else the dataset's own folder, or None where that holds none.

    With ``download``, sources that curation needs are brought first, unless what they give is there in another form,
    such as the unpacked files; of a provider's files, whatever version is there will do.
    """
    tree = _given(dataset, given) if given is not None else _own_folder(dataset, terms)
    with tree or nullcontext():
        if not (given is None and download and _bring_labels(dataset, tree, terms)):
            yield tree
            return
    with _own_folder(dataset, terms) or nullcontext() as tree:
        yield tree


def _given(dataset: Dataset, path: Path) -> Tree:
    """The tree at ``path``, which may also be one of the files that the sources of ``dataset`` give."""
    if path.name in {source.file for source in dataset.released} and path.is_file():
        raise UsageError(f"{path} is a file of the published split, and no raw source; give it with --released")
    named = {file for source in dataset.published.sources for file in source.gives}
    return named_file(path) if path.name in named and path.is_file() else open_raw(path)


def check_labels(dataset: Dataset, raw: Raw | None, given: Path | None) -> None:
    """InputError, with a line a file, where ``raw``, read from ``given``, lacks files that all labels need."""
    if raw is None or given is None:
        return
    labels = [source for source in dataset.published.sources if source.holds == "labels"]
    parts = " or ".join(f"--only {part}" for part in getattr(dataset.reader, "parts", ()))
    also = f"; {parts} curates a part alone" if parts else ""
    lacking = [(file, source.file) for source in labels for file in source.gives if not _holds(raw, file)]
    missing = [(file, f"{archive} holds it{also}") for file, archive in lacking]
    if catalogue := dataset.published.catalogue:
        hint = f"Give the folder of the provider's download; see `dir info {dataset.name}`"
        shelves = [shelf for shelf in catalogue.shelves if shelf.holds == "labels"]
        missing += [(f"{shelf.folder}/{shelf.what}", hint) for shelf in shelves if not shelf.choose(raw.members())]
    if missing:
        raise InputError(
            Problem(str(given), f"there is no {file}, in no folder and no archive", hint) for file, hint in missing
        )


def _own_folder(dataset: Dataset, terms: DownloadOptions) -> Tree | None:
    """The dataset's own folder, where that holds a source that is not a split file."""
    folder = own_folder(dataset, terms)
    ours, names = {ACCEPTED, *(source.file for source in dataset.released)}, list[str]()
    with suppress(FileNotFoundError):
        names += [path.name for path in folder.iterdir()] if folder.is_dir() else []
    raw = any(not name.startswith(".") and name not in ours and not name.endswith(UNFINISHED) for name in names)
    return open_raw(folder) if raw else None


def _bring_labels(dataset: Dataset, tree: Raw | None, terms: DownloadOptions) -> bool:
    """Bring what curation needs and ``tree`` does not hold; whether anything was brought."""
    if catalogue := dataset.published.catalogue:
        members = tree.members() if tree else ()
        if all(shelf.choose(members) for shelf in catalogue.shelves if shelf.holds == "labels"):
            return False
        return bool(download(dataset.name, only="labels", terms=terms))
    labels = [source for source in dataset.published.sources if source.holds == "labels"]
    missing = [source for source in labels if not (tree and all(_holds(tree, file) for file in source.gives))]
    _bring(dataset, missing, terms)
    return bool(missing)


def _holds(tree: Raw, file: str) -> bool:
    try:
        return tree.find(file) is not None
    except InputError:  # several answer to the name
        return True


@contextmanager
def raw_files(dataset: Dataset, given: Path | None, terms: DownloadOptions, what: str) -> Iterator[Raw]:
    """The raw source as ``given`` or in the own folder, never downloaded; SourceError, with steps, without ``what``."""
    with raw_source(dataset, given, terms, download=False) as tree:
        if tree is None:
            raise absent(dataset, terms, f"{dataset.name}: {what} are not here; give them with --raw PATH")
        yield tree


@contextmanager
def variant_file(dataset: Dataset, variant: Variant, given: Path | None, terms: DownloadOptions) -> Iterator[Raw]:
    """The one file of a ``variant``: the file ``given``, else that at its address, fetched where it is not here.

    Its hash is not known beforehand; that of the first download is held from then on, here alone.
    """
    source = public_file(variant.url, "released", size=variant.size)
    path = given or own_folder(dataset, terms) / source.file
    if given is None and not (places.is_remote(path) and path.is_file()):
        _bring(dataset, [source], terms)
    with OneFile(path) as tree:
        yield tree


@contextmanager
def split_files(
    dataset: Dataset, given: Path | None, terms: DownloadOptions, *, download: bool
) -> Iterator[Raw | None]:
    """The published split files: the folder or archive ``given``, or the file itself where there is only one.

    Where none is given, the dataset's own folder; where that does not hold them all, they are downloaded to there, or
    without ``download`` the result is None. None also where there are no published files.
    """
    folder = own_folder(dataset, terms)
    missing = [source for source in dataset.released if not (folder / source.file).is_file()]
    if given is not None and len(dataset.released) == 1 and given.is_file() and not is_archive(given):
        yield OneFile(given)
        return
    if given is None and missing and download:
        _bring(dataset, missing, terms)
        missing = []
    there = dataset.released and (given is not None or not missing)
    with open_raw(given or folder) if there else nullcontext() as tree:
        yield tree
