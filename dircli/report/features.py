"""What `dir fds` prints: how far smoothing moved the statistics, and how alike the bins are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from dircli.arrays import AnyArray
from dircli.features.calibrate import Similarity, Smoothed
from dircli.report.tables import plain_table, records
from dircli.report.values import NULL, number

if TYPE_CHECKING:
    from rich.table import Table

SHOWN_ROWS = 12


def smoothed(run: Smoothed) -> Table:
    """About a dozen of the bins that occur: rows seen, and L1 distance of smoothed to running statistics (Fig. 8c)."""
    table = plain_table("bin from", "to", "rows", "mean moved", "variance moved", left=0)
    fds = run.fds
    mean, variance = fds.distances()
    occurring = np.flatnonzero(fds.counts)
    for b in occurring[:: max(1, -(-len(occurring) // SHOWN_ROWS))]:
        ends = (f"{edge:.15g}" for edge in fds.edges[[b, b + 1]])
        table.add_row(*ends, number(int(fds.counts[b])), number(float(mean[b])), number(float(variance[b])))
    return table


def smoothed_facts(run: Smoothed) -> dict[str, Any]:
    """What was done, and the same of every bin that occurs, for programs."""
    fds = run.fds
    low, high, occurring = fds.edges[:-1], fds.edges[1:], np.flatnonzero(fds.counts)
    columns: dict[str, AnyArray] = dict(zip(("mean_moved", "variance_moved"), fds.distances(), strict=True))
    columns = {"low": low, "high": high, "rows": fds.counts, **columns}
    sizes = {"epochs": fds.epochs, "rows": run.rows, "features": fds.dim, "left_alone": run.left_alone}
    return {**run.facts, **sizes, "bins": _records(columns, occurring)}


def similarity_facts(measured: Similarity) -> dict[str, Any]:
    """The anchor, and the similarity of every bin that occurs with it, for programs; an undefined one is null.

    Of several epochs also, by epoch, the L1 distance of running to smoothed statistics, and what they are smoothed by.
    """
    low = measured.bins.low
    columns = {"low": low, "high": measured.bins.high, "rows": measured.counts}
    columns |= {"mean": measured.mean, "variance": measured.variance}
    for name, centre in (("mean_like", measured.strange_mean), ("variance_like", measured.strange_variance)):
        columns[name] = np.where(centre < 0, np.nan, low[centre])
    facts = {"anchor": float(low[measured.anchor]), "bins": _records(columns, np.flatnonzero(measured.counts))}
    if measured.distances is None:
        return facts
    mean, variance = measured.distances.T
    by_epoch = {"epoch": np.arange(1, len(mean) + 1), "mean_moved": mean, "variance_moved": variance}
    chosen = {key: value for key, value in asdict(measured.options).items() if key != "lag" or value}
    return {**facts, **chosen, "by_epoch": records(by_epoch)}


def _records(columns: Mapping[str, AnyArray], rows: AnyArray) -> list[dict[str, Any]]:
    """Those ``rows`` of ``columns``, (B,) each, as values; NaN is None."""
    return records({name: column[rows] for name, column in columns.items()})


def summary(run: Smoothed) -> str:
    """One line: what was done, to how many rows."""
    facts, fds = run.facts, run.fds
    stayed = f", of which {run.stayed:,} stay as they are" if run.stayed else ""
    alone = f"; {run.left_alone} of them stay as they are, for a feature does not vary there" if run.left_alone else ""
    return (
        f"{facts.get('name', 'bins')}: {smoothing(facts)}\n"
        f"{fds.epochs} epoch{'s' * (fds.epochs != 1)}, {run.rows:,} rows of {fds.dim:,} features{stayed}; "
        f"{(fds.counts > 0).sum()} of {len(fds.counts)} bins occur{alone}"
    )


def smoothing(facts: Mapping[str, Any]) -> str:
    """What statistics are smoothed by, those of `FdsOptions` in words."""
    return (
        f"{facts['kernel']}, ks {facts['ks']:g}, sigma {facts['sigma']:g}, momentum {facts['momentum']:g}, "
        f"{facts['protocol']} protocol{', lag' * bool(facts.get('lag'))}"
    )


def distances(measured: Similarity) -> str:
    """One line: how far smoothing moves the statistics after the first epoch and after the last; empty of only one."""
    if measured.distances is None:
        return ""
    ends = measured.distances[[0, -1]].T
    mean, variance = (" to ".join(NULL if np.isnan(end) else f"{end:.4g}" for end in each) for each in ends)
    by = f"epoch 1 to {len(measured.distances)} ({smoothing(asdict(measured.options))})"
    return f"L1 distance of running to smoothed statistics, {by}: mean {mean}, variance {variance}"


def similarity(measured: Similarity) -> Table:
    """Every bin that occurs: its cosine similarity with the anchor, and the far region it resembles, where it does."""
    table = plain_table("bin from", "to", "rows", "mean", "variance", "mean like", "variance like", left=0)
    low, high = measured.bins.low, measured.bins.high
    for b in np.flatnonzero(measured.counts):
        scores = (None if np.isnan(values[b]) else float(values[b]) for values in (measured.mean, measured.variance))
        far = (measured.strange_mean[b], measured.strange_variance[b])
        like = ("" if centre < 0 else f"{low[centre]:.15g}" for centre in far)
        ends = (f"{low[b]:.15g}", f"{high[b]:.15g}", number(int(measured.counts[b])))
        table.add_row(*ends, *map(number, scores), *like, style="bold" if b == measured.anchor else None)
    return table


def strangers(measured: Similarity) -> str:
    """One line: which bins are nearer to a far region than to their neighbours."""
    low = measured.bins.low
    marked = [f"{low[b]:.15g}" for b in np.flatnonzero((measured.strange_mean >= 0) | (measured.strange_variance >= 0))]
    found = f"{len(marked)} of {(measured.counts > 0).sum()} bins are nearer to a far region than to their neighbours"
    found = f"{found}: {', '.join(marked)}" if marked else "every bin is nearest to its neighbours"
    return f"anchor {low[measured.anchor]:.15g}: {found}"
