"""A table of one's own as a dataset: everything its rules need stands in its manifest, so that it can be handed on.

Benchmarks have a file each with the facts of all; here the facts are the manifest's, under ``own``, and its bins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dircli.benchmark.dataset import Dataset, Leak, no_records
from dircli.benchmark.protocol import Rules, Thresholds, WeightRule
from dircli.benchmark.splits import SplitRecipe
from dircli.errors import InputError, Problem
from dircli.store.text import as_csv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dircli.arrays import TextArray
    from dircli.benchmark.bins import Bins
    from dircli.benchmark.records import Records

NAME = "custom"
KEY = "own"
GROUP = "group"
DEFAULT = "sqrt-inv"


def facts(  # noqa: PLR0913 - each becomes one fact
    *, target: str, unit: str, many: float, few: float, recipe: SplitRecipe, group: str | None, binning: str
) -> dict[str, Any]:
    """What `dataset` needs, for the manifest; ``binning`` says how the bins came about."""
    return {
        "binning": binning,
        "cap": recipe.cap,
        "few": few,
        "group": group,
        "many": many,
        "scheme": DEFAULT,
        "share": recipe.share,
        "target": target,
        "unit": unit,
    }


def dataset(stated: Mapping[str, Any], bins: Bins) -> Dataset:
    """The dataset whose manifest, or bins, state these facts; InputError where they lack something.

    ``stated`` are the facts of the manifest, ``bins`` its bins.
    """
    try:
        held = stated[KEY]
        rules = Rules(thresholds=Thresholds(many=float(held["many"]), few=float(held["few"])))
        group = held["group"]
        return Dataset(
            name=NAME,
            title=str(stated["name"]),
            target=str(held["target"]),
            unit=str(held["unit"]),
            licence="whatever the table's owner says",
            homepage="",
            obtain=("Give the table with --table; see `dir curate --help`.",),
            bibtex="",
            sources=(),
            bins=bins,
            recipe=SplitRecipe(
                bins=bins,
                cap=int(held["cap"]),
                share=int(held["share"]),
                generator="pcg64",
                group=GROUP if group else None,
            ),
            rules=dict.fromkeys(("released", "paper"), rules),
            weights=WeightRule(default=held["scheme"]),
            expected={},
            read=no_records,
            export=_export,
            leaks=(Leak(kind=str(group), columns=(GROUP,)),) if group else (),
            unreleased="no split of a table of one's own was published",
        )
    except (KeyError, TypeError, ValueError) as error:
        found = f"what it says about its own rules is damaged ({type(error).__name__}: {error})"
        raise InputError(Problem(str(stated.get("name")), found, "Run `dir curate` again")) from None


def _export(records: Records, split: TextArray) -> dict[str, bytes]:
    """The table in the layout that the released training code reads, target first: target, id, split."""
    rows = zip(records.targets.tolist(), records.ids, split, strict=True)
    return {f"{NAME}.csv": as_csv([("target", "id", "split"), *rows])}
