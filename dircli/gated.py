"""Raw files that a provider lists, and hands out, to whoever holds a token: listed, then brought file by file.

The token is asked for once a command, goes to the provider alone, and stands in no file, no message and no log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from dircli import obtaining
from dircli.errors import SourceError
from dircli.sources import Source
from dircli.store.fetch import Fetched, fetch, plan
from dircli.store.listing import entries, unlogged, unwelcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dircli.datasets._spec import Dataset
    from dircli.obtaining import Terms
    from dircli.sources import Catalogue
    from dircli.store.fetch import Plan

PATIENT = 3
"""So many files in a row that cannot be had end a download; one does before any has come."""

REFUSED = "the token was refused, or your agreement is not approved or has ended; see the steps, and"


def bring(dataset: Dataset, catalogue: Catalogue, terms: Terms, *, only: str) -> list[Fetched]:
    """Bring the labels, or all, to the dataset's folder, laid out as the provider's; what is there is left alone.

    Raises SourceError, with the steps to obtain the files, where there is no token or a file cannot be had.
    """
    token, folder = _token(dataset, catalogue, terms), terms.data / dataset.name
    with unlogged():
        obtaining.accept(dataset, folder, terms.consent)
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
        raise SourceError("\n".join([*failures, obtaining.steps(dataset, terms.data)]))
    return fetched


def plans(dataset: Dataset, catalogue: Catalogue, terms: Terms, *, only: str) -> list[Plan]:
    """What `bring` would do; the provider is asked for its list, and nothing else is transferred."""
    token = _token(dataset, catalogue, terms)
    with unlogged():
        sources = list(_sources(dataset, catalogue, terms, token, only=only))
    return obtaining.plans(dataset, sources, data=terms.data, mirror=terms.mirror)


def complete(dataset: Dataset, catalogue: Catalogue, terms: Terms) -> None:
    """Bring the labels to the dataset's folder if there are none; whatever version is there will do."""
    tree = obtaining.raw_source(dataset, None, terms, download=False)
    members = tree.members() if tree else ()
    if not all(shelf.choose(members) for shelf in catalogue.shelves if shelf.holds == "labels"):
        bring(dataset, catalogue, terms, only="labels")


def _token(dataset: Dataset, catalogue: Catalogue, terms: Terms) -> tuple[str, str]:
    """The query parameter and its value; SourceError, with the steps to get one, where there is no token."""
    value = terms.token(dataset) if terms.token else None
    if not value:
        what = f"{dataset.name}: its files are handed out to holders of a token alone, and there is none"
        raise SourceError(f"{what}; set {catalogue.variable}\n{obtaining.steps(dataset, terms.data)}")
    return catalogue.parameter, value


def _sources(
    dataset: Dataset, catalogue: Catalogue, terms: Terms, token: tuple[str, str], *, only: str
) -> Iterator[Source]:
    """The files that the provider lists and the dataset uses; SourceError where a shelf holds none of them."""
    for shelf in catalogue.shelves:
        if only != "all" and shelf.holds != "labels":
            continue
        try:
            listed = {entry.path: entry for entry in entries(catalogue.listing, shelf.folder, token=token)}
        except SourceError as error:
            told = _told(str(error), catalogue)
            raise SourceError(f"{told}\n{obtaining.steps(dataset, terms.data)}") from None
        chosen = shelf.choose(list(listed))
        if not chosen:
            told = f"{catalogue.listing} lists no {shelf.folder}/{shelf.what}; {REFUSED} {catalogue.variable}"
            raise SourceError(f"{told}\n{obtaining.steps(dataset, terms.data)}")
        for entry in (listed[path] for path in chosen):
            url = catalogue.files + quote(entry.path)
            yield Source(file=entry.path, holds=shelf.holds, urls=(url,), size=entry.size, digest=entry.digest)


def _told(reason: str, catalogue: Catalogue) -> str:
    """``reason``, and where it may be so what it means: the provider does not take the token."""
    return f"{reason}\n{REFUSED} {catalogue.variable}" if unwelcome(reason) else reason
