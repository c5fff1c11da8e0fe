"""What every format asks of a result: its regions, metrics and scores, their order, intervals and verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dircli.scores.metrics.table import EVERY

if TYPE_CHECKING:
    from collections.abc import Mapping

NULL = "–"
MARKS = {"better": "*", "worse": "†"}
LEGEND = {
    "*": "* better than {baseline}, the first file (paired permutation test, Holm-corrected p < 0.05)",
    "†": "† worse than {baseline}",
}


def number(value: float | None, decimals: int = 3) -> str:
    """A score as a table shows it: counts with thousands separators, an undefined score as a dash."""
    if value is None:
        return NULL
    return f"{value:,}" if isinstance(value, int) else f"{value:.{decimals}f}"


def shown(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result with seeds of one system shown as one, where they were grouped."""
    return {**result, "systems": result["groups"]} if "groups" in result else result


def regions_of(result: Mapping[str, Any]) -> list[str]:
    """The regions of all systems, in their order."""
    return list(dict.fromkeys(region for system in result["systems"] for region in system["regions"]))


def metrics_of(result: Mapping[str, Any]) -> list[str]:
    """The metrics that were computed, in their order."""
    return [name for name in result["systems"][0]["regions"]["all"] if name in EVERY]


def score(system: Mapping[str, Any], region: str, name: str) -> Any:
    """One score of one system; None where it is undefined or the region has no rows."""
    return system["regions"].get(region, {}).get(name)


def interval(system: Mapping[str, Any], region: str, name: str) -> Any:
    """The interval of one score, (low, high), or None."""
    return system["regions"].get(region, {}).get("ci", {}).get(name)


def order(result: Mapping[str, Any], region: str, name: str) -> dict[str, int]:
    """The place of each system that has this score, 0 for the best; equal scores share one, and one system has none."""
    better = EVERY[name].better
    if len(result["systems"]) == 1 or better == "neither":
        return {}
    keyed = {}
    for system in result["systems"]:
        value = score(system, region, name)
        if value is not None:
            keyed[system["name"]] = -value if better == "higher" else abs(value) if better == "nearer zero" else value
    ranked = sorted(set(keyed.values()))
    return {system: ranked.index(key) for system, key in keyed.items()}


def detail(system: Mapping[str, Any], region: str, name: str, decimals: int) -> str:
    """What stands under or behind a score: its interval, else its spread over seeds, else nothing."""
    bounds, spread = interval(system, region, name), system["regions"].get(region, {}).get("sd", {}).get(name)
    if bounds is not None:
        return f"{bounds[0]:.{decimals}f}..{bounds[1]:.{decimals}f}"
    return "" if spread is None else f"± {spread:.{decimals}f}"


def mark(result: Mapping[str, Any], system: Mapping[str, Any], region: str, name: str) -> str:
    """A star where the system is significantly better than the baseline, a dagger where worse."""
    for compared in result.get("comparison", {}).get("systems", ()):
        if compared["name"] == system["name"]:
            verdict = compared["regions"].get(region, {}).get(name, {}).get("verdict")
            return MARKS.get(verdict, "")
    return ""


def legend(result: Mapping[str, Any]) -> list[str]:
    """A line for each mark, where systems were compared."""
    if "comparison" not in result:
        return []
    baseline = result["comparison"]["baseline"]
    return [line.format(baseline=baseline) for line in LEGEND.values()]
