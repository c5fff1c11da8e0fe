"""A table of one's own as a dataset: everything its rules need stands in its manifest, so that it can be handed on.

Benchmarks have a file each with the facts of all; here the facts are the manifest's, under ``own``, and its bins.
"""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dircli.arrays import TextArray
from dircli.benchmark.bins import Bins
from dircli.benchmark.dataset import Dataset, Leak, Rules, SampleReader
from dircli.benchmark.protocol import PROTOCOLS, Scheme, ScoreRule, Thresholds, WeightRule
from dircli.benchmark.records import Records
from dircli.benchmark.splits import SplitRecipe
from dircli.errors import InputError, Problem
from dircli.store.text import as_csv

NAME = "custom"
KEY = "own"
GROUP = "group"
DEFAULT: Scheme = "sqrt-inv"


def dataset(stated: Mapping[str, Any], bins: Bins) -> Dataset:
    """The dataset whose manifest, with these ``bins``, has ``stated`` its rules; InputError where they are damaged."""
    try:
        rules = stated[KEY]
        score_rule = ScoreRule(thresholds=Thresholds(many=_finite(rules["many"]), few=_finite(rules["few"])))
        cap, share = int(rules["cap"]), int(rules["share"])
        group = GROUP if rules["group"] else None
        recipe = SplitRecipe(bins=bins, cap=cap, share=share, generator="pcg64", group=group)
        leaks = (Leak(kind=str(rules["group"]), columns=(GROUP,)),) if group else ()
        return Dataset(
            name=NAME,
            rules=Rules(
                target=str(rules["target"]),
                unit=str(rules["unit"]),
                bins=bins,
                recipe=recipe,
                score_rules=dict.fromkeys(PROTOCOLS, score_rule),
                weights=WeightRule(default=rules["scheme"]),
            ),
            publication=None,
            reader=SampleReader(export=partial(_export, Path(str(stated["name"])).name), leaks=leaks),
        )
    except (KeyError, TypeError, ValueError) as error:
        what = f"what it says about its own rules is damaged ({type(error).__name__}: {error})"
        raise InputError(Problem(str(stated.get("name")), what, "Run `dir curate` again")) from None


def _finite(stated: Any) -> float:
    if not math.isfinite(number := float(stated)):
        raise ValueError(f"{stated} is not finite")
    return number


def _export(name: str, records: Records, split: TextArray) -> dict[str, bytes]:
    """The table ``name`` in the layout that the released training code reads, target first: target, id, split."""
    rows = zip(records.targets.tolist(), records.ids, split, strict=True)
    return {f"{name}.csv": as_csv([("target", "id", "split"), *rows])}
