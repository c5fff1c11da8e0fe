"""From prediction files to one result: what they are scored against, and their scores by region."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli import __version__
from dircli.arrays import FloatArray, IntArray
from dircli.benchmark.benchmark import Benchmark
from dircli.benchmark.manifest import BinTable
from dircli.benchmark.protocol import ProtocolName
from dircli.benchmark.relevance import relevance
from dircli.datasets.open import BY_HASH, LARGE, facts_of_samples, open_benchmark, open_large
from dircli.errors import InputError, Problem, UsageError, sample
from dircli.scores.by_region import Reference, scores
from dircli.scores.metrics.table import chosen, needs
from dircli.scores.results import Result, Scored, System, SystemResult
from dircli.scores.signature import SCORING
from dircli.store import places, predicted_maps, predictions, streams
from dircli.store.content import rules_digest, targets_digest
from dircli.store.matching import MISSING
from dircli.store.predictions import Layout, Predictions
from dircli.store.streams import Undivided

if TYPE_CHECKING:
    from dircli.scores.partitioned import Run
    from dircli.scores.streamed import Answer, Question
    from dircli.scores.uncertainty.quantify import BootstrapOptions
    from dircli.store.large_manifests import LargeManifest

LOG = logging.getLogger("dircli")


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """How files are to be scored; ``metrics`` empty are the usual ones.

    Without ``keep_rows`` the scores alone are wanted, and a large file that carries its targets is read by blocks.
    A refusal names the manifest in the folder ``root`` whose rows a file has.
    """

    split: str
    protocol: ProtocolName
    metrics: Sequence[str]
    layout: Layout
    keep_rows: bool = True
    root: Path | None = None


def score(
    paths: Sequence[str], against: Benchmark, request: ScoreOptions, *, first: Callable[[], Predictions] | None = None
) -> Scored:
    """The scores of each file in ``paths``; InputError with every problem of every file.

    ``first`` gives what is read of the first of them, where somebody reads it already.
    """
    if against.fixed and first is None:
        against, first = by_hashes(paths[0], against, request)
    read = _read_all(paths, against, request, first=first)
    systems = [replace(each, given=_given(each, against, request)) for each in read]
    given = set(systems[0].given).intersection(*(system.given for system in systems))
    metrics = chosen(request.metrics, of=against.rules.metrics, given=given)
    written = [
        {
            "name": system.name,
            "file": system.file.file,
            "sha256": system.file.sha256.removeprefix("sha256:"),
            "regions": scores(system.reference, system.values, metrics=metrics, given=system.given),
        }
        for system in systems
    ]
    scored = result(written, content_of(against, systems[0].reference.target), against, request)
    return Scored(result=scored, systems=systems, against=against)


def by_hashes(
    path: str, against: Benchmark, request: ScoreOptions
) -> tuple[Benchmark, Callable[[], Predictions] | None]:
    """``against``, of which only shipped bins are known, with the rows that the file ``path`` has the ids of.

    As it is where the file has no ids, or those of no rows; targets that it brings have to agree with the published
    ones. And how to read the file, None where that has no need to be told.
    """
    from dircli.datasets import by_hash

    if not _looked_up(against, request):
        return against, None
    once, layout = path == predictions.STDIN or Path(path).is_fifo(), _layout(request)
    data = predictions.taken(path) if once else None
    as_before = partial(predictions.read, path, layout, need_target=True, data=data) if once else None
    try:
        found = predictions.read(path, layout, data=data)
    except InputError:
        return against, as_before
    if found.ids is None:
        return against, as_before
    try:
        with_rows = by_hash.with_rows(against, found.ids, split=request.split, file=found.file)
    except InputError as error:
        raise InputError([*_curated(found, request), *found.problems, *error.problems]) from None
    if with_rows is None and found.targets is None and (elsewhere := list(_curated(found, request))):
        raise InputError(elsewhere)
    return (against, as_before) if with_rows is None else (with_rows, lambda: found)


def _looked_up(against: Benchmark, request: ScoreOptions) -> bool:
    """Whether the rows of ``against`` are not known, but can be looked up `by_hashes`."""
    from dircli.datasets import variants

    return against.fixed and variants.digest(against.name, request.split) is not None


def _by_blocks(path: str, against: Benchmark, request: ScoreOptions) -> Scored | None:
    """What `score` gives of the one file ``path``, but for its rows; None where it has to be read as a whole."""
    if request.keep_rows or against.has_rows or path == predictions.STDIN or not streams.is_large(*places.parts(path)):
        return None
    from dircli.scores import streamed

    found = streamed.answer(_question(path, against, request))
    if found is None:
        return None
    LOG.info("%s: read block by block (streamed), against targets of its own", path)
    return _of_sums(path, found, against, request)


def _by_engine(  # noqa: PLR0913 - as `evaluate`
    paths: Sequence[str],
    request: ScoreOptions,
    run: Run,
    *,
    name: str | None,
    root: Path,
    bins_file: Path | None,
    sampling: BootstrapOptions | None,
) -> Scored:
    """What `evaluate` gives of the files ``paths``, but for their rows, by the engine of ``run``.

    Raises Undivided where one of them, or the manifest, has to be read as a whole.
    """
    from dircli.scores import partitioned

    if not all(streams.is_regular(part) for path in paths for part in places.parts(path)):
        raise Undivided("it cannot be read more than once")
    against, manifest = _divisible(name=name, root=root, bins_file=bins_file)
    if _looked_up(against, request) and all(map(partitioned.is_small, paths)):
        raise Undivided("the rows of a benchmark that is not curated here are looked up by their ids")
    with ExitStack() as files:
        ask = partial(partitioned.answer, run=run, files=files, manifest=manifest, drawn=sampling is not None)
        divided = partitioned.of_the_same_rows([ask(_question(path, against, request)) for path in paths])
        scored = [_of_sums(path, each.found, against, request) for path, each in zip(paths, divided, strict=True)]
        names = _names([Predictions(file=path, values=np.empty(0)) for path in paths])
        systems = tuple(replace(one.result.systems[0], name=name) for name, one in zip(names, scored, strict=True))
        result = replace(scored[0].result, systems=systems)
        if sampling is not None:
            from dircli.scores import drawn
            from dircli.scores.uncertainty.quantify import quantified

            result = quantified(result, drawn.quantities(divided, run, sampling), sampling)
    return replace(scored[0], result=result, notes=[note for each in divided for note in each.notes])


def _divisible(*, name: str | None, root: Path, bins_file: Path | None) -> tuple[Benchmark, LargeManifest | None]:
    """What files are scored against that an engine reads; Undivided where that has to be read as a whole."""
    if bins_file is None and facts_of_samples(name, root):
        large = open_large(name, root)
        if large is None:
            raise Undivided("the manifest is not as `dir curate` writes it")
        return large.benchmark, large.manifest
    against = open_benchmark(name, root, bins_file)
    if against.has_rows:
        raise Undivided("predicted maps are not divided")
    return against, None


def _by_parts(path: str, name: str | None, root: Path, request: ScoreOptions) -> Scored | None:
    """What `score` gives of the one file ``path`` by the ids of a manifest that is larger than memory should hold.

    None where the manifest or the file has to be read as a whole.
    """
    if request.keep_rows or request.layout.by_position or path == predictions.STDIN:
        return None
    if not all(map(streams.is_regular, places.parts(path))):
        return None
    against = open_large(name, root)
    if against is None:
        return None
    from dircli.scores import joined

    found = joined.answer(_question(path, against.benchmark, request), against.manifest)
    if found is None:
        return None
    LOG.info("%s: read part by part, by the ids of the manifest (joined)", path)
    return _of_sums(path, found, against.benchmark, request)


def _question(path: str, against: Benchmark, request: ScoreOptions) -> Question:
    from dircli.scores.streamed import Question

    asked = {key: getattr(request, key) for key in ("split", "protocol", "metrics")}
    return Question(path=path, against=against, layout=_layout(request), **asked)


def _of_sums(path: str, found: Answer, against: Benchmark, request: ScoreOptions) -> Scored:
    """The result for the one file ``path``, of which only its scores are known."""
    file = places.shown(path)
    system = {
        "name": Predictions(file=file, values=np.empty(0)).name,
        "file": file,
        "sha256": found.sha256.removeprefix("sha256:"),
        "regions": found.regions,
    }
    scored = result([system], found.content, against, request)
    return Scored(result=scored, systems=[], against=against, left_out=found.left_out)


def content_of(against: Benchmark, targets: FloatArray) -> str:
    """The content of the manifest, or of the ``targets`` (n,) where they came with the predictions."""
    return against.content if against.has_rows else targets_digest(targets)


def result(systems: Sequence[Mapping[str, Any]], content: str, against: Benchmark, request: ScoreOptions) -> Result:
    """The scores of ``systems``, as they stand in JSON, on rows with this ``content``: a result of this version."""
    return Result(
        dataset=against.name,
        split=request.split,
        protocol=request.protocol,
        content=content,
        rules=rules_digest(against.table, against.rules.score_rules),
        scoring=SCORING,
        version=__version__,
        systems=tuple(map(SystemResult.from_json, systems)),
    )


def _read_all(
    paths: Sequence[str], against: Benchmark, request: ScoreOptions, *, first: Callable[[], Predictions] | None
) -> list[System]:
    """Every file with what it is scored against; InputError with every problem of every file."""
    pairs, problems = [], []
    layout = _layout(request)
    for place, path in enumerate(paths):
        read = None if place else first
        try:
            pairs.append(paired(path, against, replace(request, layout=layout), read=read))
        except InputError as error:
            problems += error.problems
    if not pairs and all(any(each.where == path and MISSING in each.found for each in problems) for path in paths):
        problems += _perhaps_parts(paths)
    sizes, shown = [reference.target.size for _, reference, _ in pairs], ", ".join(map(places.shown, paths))
    if not problems and len({*sizes}) > 1:
        problems.append(Problem(shown, f"they have {sample(sizes)} rows", "Score them one by one"))
    elif (
        not problems
        and len(pairs) > 1
        and not against.has_rows
        and len({targets_digest(each.target) for _, each, _ in pairs}) > 1
    ):
        problems.append(Problem(shown, "their targets are not the same", "Score them one by one"))
    if problems and against.fixed:
        found = "it is not curated here, so the files were held to its shipped bins and to targets of their own"
        problems.append(Problem(against.name, found, "To score by id, run `dir curate` first"))
    if problems:
        raise InputError(problems)
    names = _names([found for found, _, _ in pairs])
    return [
        System(name=name, file=found, reference=reference, values=values)
        for name, (found, reference, values) in zip(names, pairs, strict=True)
    ]


def _perhaps_parts(paths: Sequence[str]) -> Iterator[Problem]:
    """That ``paths``, each of which lacks rows, might be parts of one file, where they stand in one folder."""
    folders, endings = ({getattr(Path(path), key) for path in paths} for key in ("parent", "suffix"))
    if len(paths) > 1 and len(folders) == len(endings) == 1:
        one = Path(*folders, f"*{endings.pop()}")
        what = f"each of the {len(paths):,} files lacks rows"
        yield Problem(str(one), what, f"If they are parts of one file, quote the glob, '{one}', or name the folder")


def _layout(request: ScoreOptions) -> Layout:
    """The columns that are looked at: sigma only where a metric needs it."""
    return request.layout if "sigma" in needs(request.metrics) else replace(request.layout, sigma_column=None)


def _given(system: System, against: Benchmark, request: ScoreOptions) -> dict[str, FloatArray]:
    """What the metrics asked for need beside target and prediction, (n,) each, as far as it can be had."""
    needed, file = needs(request.metrics), system.file
    given = {}
    if "relevance" in needed and against.has_rows and against.unit == "samples":
        given["relevance"] = relevance(against.rows("train").targets)(system.reference.scored_target)
    if "sigma" in needed and file.sigma is not None:
        known = against.has_rows
        given["sigma"] = predictions.sigmas(file, against.rows(request.split).texts) if known else file.sigma
    return given


def _names(found: Sequence[Predictions]) -> list[str]:
    """What the systems are called: the files' names, or their whole paths where two share a name."""
    names = [each.name for each in found]
    return names if len(set(names)) == len(names) else [each.file for each in found]


def paired(
    path: str, against: Benchmark, request: ScoreOptions, *, read: Callable[[], Predictions] | None = None
) -> tuple[Predictions, Reference, FloatArray]:
    """One file's predictions with what they are scored against, row by row; ``read`` gives what somebody else reads."""
    split, protocol, layout = request.split, request.protocol, request.layout
    place = Path(path) if path == predictions.STDIN else places.of(path)
    if against.unit == "pixels":
        maps = path != predictions.STDIN and predicted_maps.is_array(place)
        if maps and not against.has_rows:
            hint = "Run `dir curate` first, or give a table with the columns target and prediction"
            raise InputError(Problem(str(place), "which pixels of these maps are scored is not known here", hint))
        if against.has_rows and not maps:
            hint = "Give an npy or HDF5 array or a folder of PNG; --bins bins.parquet scores a table that has targets"
            raise InputError(
                Problem(places.shown(path), f"{against.name} is scored on predicted maps, and this is none", hint)
            )
    if against.unit == "pixels" and against.has_rows:
        rows, where = against.rows(split), (against.pixels, against.frame)
        dataset, positive = layout.prediction_column, against.rules.positive
        found = predicted_maps.read(place, *where, dataset=dataset, positive=positive)
        return found, Reference.of(against, protocol, rows.targets, rows.bin_index), found.values
    found = read() if read else predictions.read(path, layout, need_target=not against.has_rows)
    if against.has_rows:
        rows = against.rows(split)
        target, index = rows.targets, rows.bin_index
        try:
            values = predictions.aligned(found, rows.texts, target)
        except InputError as error:
            raise InputError([*_belonging(found, against, request), *error.problems]) from None
    else:
        try:
            target, values = predictions.own_targets(found, also=list(_unfit(found, against)))
        except InputError as error:
            raise InputError([*_belonging(found, against, request), *error.problems]) from None
        index = against.index(target)
        if against.fixed:
            _refuse_unlike(found.file, against.table, index, split=split)
    return found, Reference.of(against, protocol, target, index), values


def _belonging(found: Predictions, against: Benchmark, request: ScoreOptions) -> Iterator[Problem]:
    """Of which known split the ids in a file are, which are not those of the split that it is scored against."""
    from dircli.datasets import variants

    if found.ids is None:
        return
    if here := list(_curated(found, request, name=against.name)):
        yield from here
        return
    dataset, facts = against.dataset, against.manifest.facts if against.manifest else {}
    origin = variants.RELEASED if BY_HASH in facts else facts.get("origin")
    variant = facts.get("variant", {}).get("name", origin)
    given = dataset.name if dataset else "", variant, request.split
    if fits := variants.fitting(found.ids, given=given):
        yield Problem(found.file, fits)


def _curated(found: Predictions, request: ScoreOptions, *, name: str = "") -> Iterator[Problem]:
    """Of which manifest the ids in a file are, which are not those of the split of ``name`` that is asked for."""
    from dircli.datasets import belonging

    if found.ids is None or request.root is None:
        return
    if fits := belonging.of_curated(found.ids, request.root, given=(name, request.split)):
        yield Problem(found.file, fits)


def _unfit(found: Predictions, against: Benchmark) -> Iterator[Problem]:
    """The targets that lie in no bin, and the predictions of 0 or less where the dataset scores ratios."""
    bins, targets = against.table.bins, found.targets
    if targets is not None:  # those that are no number are reported by `predictions`
        finite = targets[np.isfinite(targets)]
        if outside := [f"{target:.15g}" for target in finite[bins.index(finite) < 0]]:
            ends = "{:.15g}..{:.15g}".format(*bins.edges[[0, -1]])
            what = f"{len(outside):,} targets lie outside {ends}: {sample(outside)}"
            yield Problem(found.file, what, "Check the target column")
    if against.rules.positive and (low := [f"{value:g}" for value in found.values[found.values <= 0]]):
        what = f"{len(low):,} predictions are 0 or less: {sample(low)}"
        yield Problem(found.file, what, f"Ratios are scored; predict a positive {against.rules.target}")


def _refuse_unlike(file: str, table: BinTable, index: IntArray, *, split: str) -> None:
    """InputError where the rows, which lie in the bins ``index`` (n,), do not fill them as those of ``split`` do."""
    counts = np.bincount(index, minlength=len(table.bins))
    expected = table.counts[split]
    if (unlike := np.flatnonzero(counts != expected)).size:
        bins = [f"{table.bins.low[b]:.15g}: {counts[b]} of {expected[b]}" for b in unlike]
        what = f"{index.size:,} targets do not fill the bins as the {split} split ({expected.sum():,} rows) does"
        hint = "Give every row of the split once; score other rows with --bins FILE"
        raise InputError(Problem(file, f"{what}; rows in bins from {sample(bins)}", hint))


def _opened(path: str, request: ScoreOptions, *, name: str | None, root: Path, bins_file: Path | None) -> Benchmark:
    """What to score with; where it is not named, the refusal says of which known split the ids in ``path`` are."""
    try:
        return open_benchmark(name, root, bins_file)
    except UsageError as error:
        if name is not None or bins_file is not None or not (fits := _known(path, request)):
            raise
        raise UsageError(f"{error}\n{path}: {fits}") from None


def _known(path: str, request: ScoreOptions) -> str:
    """Of which known split the ids in the file ``path`` are, as a sentence; nothing where they are of none."""
    from dircli.datasets import belonging, variants

    if path == predictions.STDIN or Path(path).is_fifo():
        return ""
    try:
        ids = predictions.read(path, _layout(request)).ids
    except InputError:
        return ""
    if ids is None:
        return ""
    fits = belonging.of_curated(ids, request.root) if request.root else ""
    return fits or variants.fitting(ids, given=("", "", ""))


def evaluate(  # noqa: PLR0913 - the options of `dir evaluate`
    paths: Sequence[str],
    request: ScoreOptions,
    *,
    name: str | None,
    root: Path,
    bins_file: Path | None = None,
    sampling: BootstrapOptions | None = None,
    seeds: bool = False,
    run: Run | None = None,
) -> Scored:
    """Score the prediction files ``paths`` ("-" is standard input); with ``sampling``, also intervals and tests.

    A folder or glob of parts is one file, and so is a URL; see `dircli.store.places`. ``run`` says who else than the
    threads of this process does it; what has to be read as a whole is left to them.
    """
    request = replace(request, root=root)
    notes: list[str] = []
    who = run or (_alone(paths, request) if sampling and sampling.method == "poisson" else None)
    how: dict[str, Any] = {"name": name, "root": root, "bins_file": bins_file, "sampling": sampling}
    if who is not None:
        try:
            scored = _by_engine(paths, request, who, **how)
        except Undivided as error:
            files = ", ".join(map(places.shown, paths))
            notes = [f"{files}: read by this process, not by the workers: {error}"]
        else:
            scored = scored if run else replace(scored, notes=())
            return _grouped(scored) if seeds else scored
    scored = _as_a_whole(paths, request, seeds=seeds, **how)
    return replace(scored, notes=notes) if run else scored


def _as_a_whole(  # noqa: PLR0913 - as `evaluate`
    paths: Sequence[str],
    request: ScoreOptions,
    *,
    name: str | None,
    root: Path,
    bins_file: Path | None,
    sampling: BootstrapOptions | None,
    seeds: bool,
) -> Scored:
    """What `evaluate` gives, by this process."""
    alone, facts = len(paths) == 1 and sampling is None and not seeds, None
    if bins_file is None:
        facts = facts_of_samples(name, root)
    if alone and facts and facts["rows"] >= LARGE and (scored := _by_parts(paths[0], name, root, request)):
        return scored
    with ThreadPoolExecutor(1) as pool:  # the manifest and the first file are read at the same time
        early = pool.submit(predictions.read, paths[0], _layout(request)).result if facts else None
        against = _opened(paths[0], request, name=name, root=root, bins_file=bins_file)
        by_blocks = _by_blocks(paths[0], against, request) if alone and not facts else None
        scored = by_blocks or score(paths, against, request, first=early)
    if seeds:
        scored = _grouped(scored)
    if sampling is None:
        return scored
    from dircli.scores.uncertainty.quantify import quantify

    if sampling.cluster is None and against.repeats:
        sampling = replace(sampling, cluster="id")
    return quantify(scored, sampling)


def _grouped(scored: Scored) -> Scored:
    """``scored`` with the files ``name@seed`` of a system as one."""
    from dircli.scores.compare.seeds import grouped

    return replace(scored, result=replace(scored.result, groups=grouped(scored.result)))


def _alone(paths: Sequence[str], request: ScoreOptions) -> Run | None:
    """How files, a large one among them, are scored in parts by this process; None for others."""
    if request.keep_rows or predictions.STDIN in paths:
        return None
    if not any(streams.is_large(*places.parts(path)) for path in paths):
        return None
    from dircli.scores.partitioned import Run
    from dircli.store.engines import LOCAL

    return Run(engine=LOCAL)
