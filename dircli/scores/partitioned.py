"""The scores of a file of any size, from sums over parts of it that an engine has done by threads, or by many machines.

Parts are spans of the file or, where its rows are joined by id with those of a manifest too large to be sent to all who
work, the rows whose ids have hashes that begin alike. Each is read, checked and joined as a whole file is, and only
sums come back. A file in which anything is wrong or unusual is not scored here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np

from dircli.errors import InputError, Problem, sample
from dircli.scores import joined
from dircli.scores.items import (
    Item,
    Partial,
    Source,
    counted,
    divided,
    merged,
    repeats,
    summed,
)
from dircli.scores.metrics.table import Metric
from dircli.scores.streamed import RANKED, Answer, Question, Total, answered
from dircli.scores.uncertainty.divided import Located
from dircli.store import partitions, parts, places, spans
from dircli.store.content import digest_of_targets
from dircli.store.engines import Engine, added
from dircli.store.large_manifests import LargeManifest
from dircli.store.matching import hashes, repeat
from dircli.store.parallel import Watch, unwatched
from dircli.store.spans import SIZE, Span
from dircli.store.streams import UNUSUAL, Undivided, Unusual

SENT = 2_000_000
"""Rows of a split that are sent to all who work; those of a larger one are divided."""
WHOLE = 1 << 30
"""Bytes of a file that is read as a whole if anything in it is unusual; of a larger one it is said where that is."""
PART = 1_000_000
"""Rows that are joined at once, about."""
MOST_BITS = 10
"""Of a hash, by which rows are divided at most."""
COMPRESSED = "each compressed file is read by one worker, for compressed text cannot be divided"
MORE_OR_FEWER = "there are {:,} rows, and the split has {:,}"


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a file is scored: by which ``engine``, who watches, and where rows are divided if everybody sees that folder.

    A file is divided into spans of about ``size`` bytes.
    """

    engine: Engine
    watch: Watch = unwatched
    scratch: Path | None = None
    size: int = SIZE

    def folder(self, files: ExitStack) -> Path:
        """An empty folder that all who work see, there until ``files`` are closed; UsageError where there is none."""
        return partitions.shared_folder(self.engine, self.scratch, files)


@dataclass(frozen=True, kw_only=True)
class Divided:
    """A file of which the scores are ``found``, and what is known of its rows; to see them again, their ``items``.

    ``notes`` say how it was divided where that is not as one would expect.
    """

    found: Answer
    source: Source
    partial: Partial
    items: Sequence[Item]
    notes: Sequence[str] = ()

    @property
    def numbered(self) -> list[Item]:
        """The items, each with the number of its first row."""
        firsts = np.append(0, np.cumsum(self.partial.sizes)).tolist()
        return [replace(item, first=first) for item, first in zip(self.items, firsts, strict=False)]

    @property
    def located(self) -> Located:
        """What is known of where its rows lie, in one that is to be drawn from."""
        sums, predictions = self.partial.sums, self.partial.middles
        assert sums is not None and predictions is not None  # noqa: S101, PT018 - there are rows
        return Located(sums.sums, np.where(sums.sums.n > 0, predictions, np.nanmedian(predictions)))


@contextmanager
def whole_where_unusual(question: Question) -> Iterator[None]:
    """Undivided where the file that is asked about must be read as a whole, InputError where it is too large."""
    try:
        yield
    except OSError as error:
        raise Undivided(error.strerror or UNUSUAL) from None
    except Unusual as error:
        *where, what = error.args or (UNUSUAL,)
        if is_small(question.path):
            raise Undivided(": ".join([*where, what])) from None
        hint = "It is too large to be read as a whole, which would name it; look there, or cut that part out"
        raise InputError(Problem(where[0] if where else places.shown(question.path), what, hint)) from None


def is_small(path: str) -> bool:
    """Whether the file ``path`` may be read as a whole, whatever is in it."""
    return sum(part.stat().st_size for part in places.parts(path)) <= WHOLE


def refuse(files: Sequence[Divided], problems: Sequence[Problem]) -> NoReturn:
    """InputError, or where ``files`` are small Undivided: whoever reads them as a whole has more to say."""
    if all(is_small(file.source.question.path) for file in files):
        raise Undivided(problems[0].found)
    raise InputError(problems)


def of_the_same_rows(files: Sequence[Divided]) -> list[Divided]:
    """The ``files`` with the metrics that all of them have; refuses those of other targets than the first has."""
    names = ", ".join(places.shown(file.source.question.path) for file in files)
    sizes = [int(file.partial.sizes.sum()) for file in files]
    if len({*sizes}) > 1 or len({file.found.content for file in files}) > 1:
        what = f"they have {sample(sizes)} rows" if len({*sizes}) > 1 else "their targets are not the same"
        refuse(files, [Problem(names, what, "Score them one by one")])
    common = set.intersection(*(set(file.found.regions["all"]) for file in files))
    titles = set.intersection(*(set(file.found.left_out) for file in files))
    return [replace(file, found=file.found.of(common, titles)) for file in files]


def answer(
    question: Question, run: Run, files: ExitStack, *, manifest: LargeManifest | None = None, drawn: bool = False
) -> Divided:
    """The scores of the file that is asked about, perhaps on rows of ``manifest``, which may be divided into ``files``.

    Raises Undivided where it has to be read as a whole, as for metrics of ranks of which sets are to be ``drawn``, and
    InputError where it is too large for that; UsageError where metrics of ranks are asked for by name, and there are
    too many rows.
    """
    paths = places.parts(question.path)
    if len(paths) > 1:
        parts.refuse_unlike(paths, question.layout.needed(target=manifest is None))
    with whole_where_unusual(question):
        every = spans.divided(paths, size=run.size)
        if drawn and 2 * sum(span.rows for span in every) < RANKED:
            with suppress(Unusual):  # metrics that hang on columns which are not known yet
                _leave_ranks(question.nothing_yet(()).of_ranks)
        source, items = _prepared(question, run, manifest, every, files)
        source = replace(source, drawn=drawn)
        partial = _total(source, [*(Item(digested=path.absolute()) for path in paths), *items], run)
        of_ranks = question.nothing_yet(partial.columns or ()).of_ranks
        if not source.kept and partial.sizes.sum() <= RANKED and of_ranks:
            source = replace(source, kept=True)  # there are fewer rows than was guessed
            partial = replace(_total(source, items, run), digests=partial.digests)
        total = _checked(source, partial, run)
        content = str(manifest.facts["content"]) if manifest else digest_of_targets(total.n, total.targets_sum)
        if total.rows and drawn:
            _leave_ranks(of_ranks)
        found = answered(total, question, sha256=parts.digest(partial.digests), content=content)
    is_large = any(span.kind == "bytes" and span.end > run.size for span in every)
    notes = [f"{places.shown(question.path)}: {COMPRESSED}"] if is_large else []
    return Divided(found=found, source=source, partial=replace(partial, rows=()), items=items, notes=notes)


def _leave_ranks(metrics: Sequence[Metric]) -> None:
    """Undivided where there are ``metrics`` of ranks."""
    if metrics:
        names = ", ".join(metric.name for metric in metrics)
        raise Undivided(f"resamples of {names} need all rows at once; name other metrics with --metrics")


def _prepared(
    question: Question, run: Run, manifest: LargeManifest | None, every: Sequence[Span], files: ExitStack
) -> tuple[Source, list[Item]]:
    """Where the rows of the file come from, and the items that have them; rows to be joined are divided here."""
    rows = sum(span.rows for span in every)
    items = [Item(number=number, span=span) for number, span in enumerate(every)]
    bits = min(max((rows // PART).bit_length(), 1), MOST_BITS)
    slim = replace(question, against=replace(question.against, manifest=None))
    source = Source(question=slim, bits=bits, files=len(items), kept=rows <= RANKED * 1.2)
    if manifest is None:
        needs_folder = bool(question.layout.texts)
        return replace(source, scratch=run.folder(files) if needs_folder else None), items
    elsewhere = replace(manifest, folder=manifest.folder.absolute())
    source = replace(source, manifest=elsewhere, relevance=joined.relevance_of(question, manifest))
    number = int(manifest.table.counts[question.split].sum())
    if question.layout.by_position:
        source = replace(source, starts=manifest.starts(question.split))
        with run.watch("rows counted", len(items)) as done:
            sizes = run.engine.reduced(counted, items, np.concatenate, shared=source, done=done)
        if (found := int(sizes.sum())) != number:
            raise Unusual(MORE_OR_FEWER.format(found, number))
        firsts = np.append(0, np.cumsum(sizes)).tolist()
        return source, [replace(item, first=first) for item, first in zip(items, firsts, strict=False)]
    if number <= SENT:
        import pyarrow as pa

        sent = list(manifest.rows(question.split, "id", "target", "bin"))
        table = pa.concat_tables(sent).combine_chunks()
        if repeat(hashes(table["id"])):
            raise Unusual("the split repeats ids")
        return replace(source, sent=table), items
    source = replace(source, groups=manifest.groups, scratch=run.folder(files))
    both = [*items, *(Item(number=group, group=group) for group in range(source.groups))]
    with run.watch("rows divided by id", len(both)) as done:
        found = run.engine.reduced(divided, both, added, shared=source, done=done)
    if found != 2 * number:
        raise Unusual(MORE_OR_FEWER.format(found - number, number))
    return source, [Item(hashed=part) for part in range(1 << bits)]


def _total(source: Source, items: Sequence[Item], run: Run) -> Partial:
    """What is known of all rows, and the digest of the file."""
    with run.watch("parts scored", len(items)) as done:
        return run.engine.reduced(summed, items, merged, shared=source, done=done)


def _checked(source: Source, partial: Partial, run: Run) -> Total:
    """The sums of all rows; Unusual where there are none, or not those that there must be, or an id twice."""
    question, against = source.question, source.question.against
    if partial.sums is None or partial.columns is None:
        raise Unusual("there are no rows")
    if source.sent is not None and (partial.seen is None or np.bitwise_count(partial.seen).sum() < len(source.sent)):
        raise Unusual("rows of the split are missing")
    if "ids" in partial.columns:
        with run.watch("ids compared", 1 << source.bits) as done:
            if run.engine.reduced(repeats, range(1 << source.bits), any, shared=source, done=done):
                raise Unusual("an id occurs more than once, or two have the same hash")
    if against.fixed and not np.array_equal(partial.sums.sums.n, against.table.counts[question.split]):
        raise Unusual("the rows do not fill the bins as the split does")
    total = question.nothing_yet(partial.columns)
    total.summed.add_sums(partial.sums)
    total.n, total.targets_sum, total.rows = int(partial.sizes.sum()), partial.targets_sum, list(partial.rows)
    return total
