"""Rows summed in blocks, in pieces and by several threads score as they do at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import mostly_thorough

from dircli.benchmark.protocol import ScoreRule, Thresholds
from dircli.benchmark.regions import region
from dircli.scores.by_region import RankedRows, Reference, Score, scores, scores_of_sums
from dircli.scores.metrics.blocks import BLOCK, SummedRows
from dircli.scores.metrics.table import EVERY, chosen

if TYPE_CHECKING:
    from dircli.arrays import FloatArray

THRESHOLDS = Thresholds(many=100, few=20)
TRAIN = np.array([200, 150, 50, 30, 10, 0, 5])
Rows = tuple[Reference, "FloatArray", dict[str, "FloatArray"]]


def made_up(seed: int) -> Rows:
    """Rows of positive targets, some of them hit, with what each metric needs."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(0, 150))
    index = generator.integers(0, TRAIN.size, n)
    target = generator.choice([1.0, 1e2]) + index + generator.random(n).round(int(generator.integers(0, 4)))
    prediction = np.where(generator.random(n) < 0.1, target, np.abs(target + generator.normal(0, 2, n)) + 0.01)
    zero_error, precise, ratios = generator.choice([0, 1e-10]), *generator.integers(0, 2, 2).astype(bool)
    rules = ScoreRule(
        thresholds=THRESHOLDS, zero_error=zero_error, single_precision=bool(precise), single_ratios=bool(ratios)
    )
    reference = Reference(target=target, bin_index=index, regions=region(TRAIN, THRESHOLDS), train=TRAIN, rules=rules)
    return reference, prediction, {"relevance": generator.random(n), "sigma": 0.5 + generator.random(n)}


def in_pieces(rows: Rows, pieces: int, *, block: int, workers: int) -> dict[str, dict[str, Score]]:
    """The scores of rows that are added in this many pieces of random sizes."""
    reference, prediction, given = rows
    ends = np.sort(np.random.default_rng(pieces).integers(0, prediction.size + 1, pieces - 1)).tolist()
    summed = SummedRows(TRAIN.size, EVERY.values(), reference.rules, block=block)
    for start, stop in zip([0, *ends], [*ends, prediction.size], strict=True):
        own = slice(start, stop)
        of_piece = {name: values[own] for name, values in given.items()}
        summed.add(reference.target[own], prediction[own], reference.bin_index[own], of_piece, workers=workers)
    ranked = RankedRows(reference.scored_target, prediction, reference.bin_index, given)
    return scores_of_sums(summed, reference.regions, reference.train, ranked)


@pytest.mark.parametrize("first", mostly_thorough(range(0, 200, 20)))
def test_blocks_score_as_all_rows_at_once_and_pieces_and_threads_change_no_digit(first: int) -> None:
    for seed in range(first, first + 20):
        rows = made_up(seed)
        reference, prediction, given = rows
        whole = scores(reference, prediction, metrics=EVERY.values(), given=given)
        if seed % 5 == 0:
            assert in_pieces(rows, 1 + seed % 7, block=BLOCK, workers=2) == whole
        block = (3, 11, 32, 64)[seed % 4]
        blocks = in_pieces(rows, 1, block=block, workers=1)
        assert in_pieces(rows, 1 + seed % 7, block=block, workers=2) == blocks
        assert list(blocks) == list(whole)
        for name, part in whole.items():
            expected = {key: score for key, score in part.items() if score is not None}
            found = {key: score for key, score in blocks[name].items() if score is not None}
            assert found == pytest.approx(expected, rel=1e-12, abs=1e-12), (seed, name)


def test_more_blocks_than_are_kept_at_once_are_merged_in_their_order() -> None:
    generator = np.random.default_rng(0)
    target = generator.random(3 * BLOCK + 5)
    sums = []
    for workers in (1, 3):
        summed = SummedRows(1, [EVERY["absrel"]], ScoreRule(thresholds=THRESHOLDS), block=BLOCK // 64)
        summed.add(1 + target, 1 + target[::-1], np.zeros(target.size, np.int64), workers=workers)
        total = summed.total()
        assert total.sums.n.tolist() == [target.size]
        assert total.sums.target_mean[0] == pytest.approx(1 + target.mean(), rel=1e-14)
        assert total.sums.target_moment[0] == pytest.approx(target.var() * target.size, rel=1e-12)
        sums.append((float(total.sums.product_moment[0]), float(total.terms["absrel"][0, 0])))
    assert sums[0] == sums[1]


def test_metrics_from_ranks_cannot_be_had_from_sums_alone() -> None:
    summed = SummedRows(1, chosen(["spearman"]), ScoreRule(thresholds=THRESHOLDS))
    summed.add(np.ones(1), np.ones(1), np.zeros(1, np.int64))
    with pytest.raises(TypeError, match="spearman cannot be had from sums alone"):
        scores_of_sums(summed, np.array(["few"], dtype=object), np.array([1]))
