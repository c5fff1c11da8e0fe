"""Label distribution smoothing: kernel windows, and what lies beyond the edges of the label range."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import convolve1d, gaussian_filter1d
from scipy.signal.windows import triang

from dircli.benchmark.kernel import kernel_window
from dircli.benchmark.protocol import Kernel
from dircli.errors import UsageError
from dircli.weights.lds import effective_density, lds_window

if TYPE_CHECKING:
    from dircli.arrays import FloatArray
    from dircli.benchmark.protocol import Edge, ProtocolName

QUICK = settings(deadline=None, max_examples=60)
KERNELS = st.sampled_from(get_args(Kernel))
SIZES = st.integers(0, 9).map(lambda half: 2 * half + 1)
SIGMAS = st.floats(0.3, 5)
COUNTS = st.lists(st.integers(0, 500), min_size=1, max_size=25)
FLAT_3 = np.ones(3)


@QUICK
@given(kernel=KERNELS, ks=SIZES, sigma=SIGMAS, filtered=st.booleans())
def test_a_window_is_symmetric_with_maximum_one(*, kernel: Kernel, ks: int, sigma: float, filtered: bool) -> None:
    found = kernel_window(kernel, ks, sigma, filtered=filtered)
    assert found.shape == ((1,) if kernel == "none" else (ks,))
    assert found.max() == 1
    assert (found >= 0).all()
    assert found == pytest.approx(found[::-1], rel=1e-12)


@QUICK
@given(kernel=KERNELS, ks=SIZES, sigma=SIGMAS)
def test_a_window_as_printed_falls_from_one_at_its_centre(kernel: Kernel, ks: int, sigma: float) -> None:
    found = kernel_window(kernel, ks, sigma, filtered=False)
    assert found[found.size // 2] == 1
    assert (np.diff(found[found.size // 2 :]) <= 0).all()


@QUICK
@given(kernel=KERNELS, ks=SIZES, sigma=SIGMAS, filtered=st.booleans(), counts=COUNTS, mirror=st.booleans())
def test_sums_are_scipys_to_the_last_digit(
    *, kernel: Kernel, ks: int, sigma: float, filtered: bool, counts: list[int], mirror: bool
) -> None:
    """Whole counts are cut to whole numbers, so that the last digit of a sum may decide a weight."""
    window = kernel_window(kernel, ks, sigma, filtered=filtered)
    for values in (np.array(counts), np.array(counts) / 7, np.array(counts, dtype=np.float32)):
        expected = convolve1d(values, window, mode="reflect" if mirror else "constant")
        found = effective_density(values, window, edge="mirror" if mirror else "zero")
        assert (found.dtype, found.tolist()) == (expected.dtype, expected.tolist())
    spike = (np.arange(ks) == ks // 2).astype(np.float64)
    spread = gaussian_filter1d(spike, sigma)
    assert kernel_window("gaussian", ks, sigma, filtered=True).tolist() == (spread / spread.max()).tolist()


@pytest.mark.parametrize("ks", [1, 3, 5])
def test_a_symmetric_window_needs_no_scipy(ks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To load it takes as long as the whole of `dir weights`."""
    monkeypatch.setattr("scipy.ndimage.convolve1d", lambda *_, **__: pytest.fail("scipy was asked"))
    assert effective_density(np.array([9, 9, 9]), np.ones(ks), edge="mirror").tolist() == [9 * ks] * 3


@pytest.mark.parametrize("window", [np.array([0.2, 1, 0.4]), np.array([0.5, 1]), np.ones(2), np.ones(4), FLAT_3])
def test_a_window_of_ones_own_need_not_be_symmetric_or_odd_and_may_be_seen_through_by_no_bins(
    window: FloatArray,
) -> None:
    counts = np.array([0, 10, 0, 0, 30])
    assert effective_density(counts, window, edge="mirror").tolist() == convolve1d(counts, window).tolist()
    assert not effective_density(counts[:0], window, edge="mirror").size


def test_the_maximum_of_a_filtered_window_may_lie_beside_its_centre() -> None:
    """The filter is cut at 4 sigma, so that a wide one counts fewer mirror images at the centre."""
    left, centre, right = kernel_window("gaussian", 3, 2.75, filtered=True)
    assert left == pytest.approx(right) == 1
    assert 0.999 < centre < 1


def test_windows_have_the_values_of_their_formulas() -> None:
    assert kernel_window("gaussian", 3, 2, filtered=False) == pytest.approx([np.exp(-1 / 8), 1, np.exp(-1 / 8)])
    assert kernel_window("laplace", 5, 2, filtered=True)[:2] == pytest.approx([np.exp(-1), np.exp(-0.5)])
    assert kernel_window("triang", 5, 2, filtered=True) == pytest.approx([1 / 3, 2 / 3, 1, 2 / 3, 1 / 3])


@pytest.mark.parametrize("ks", [1, 3, 5, 9, 15])
def test_triang_is_scipys(ks: int) -> None:
    """To the last digit: a smoothed count of 5.999… is cut to 5."""
    assert kernel_window("triang", ks, 1, filtered=False).tolist() == triang(ks).tolist()


def test_only_the_gaussian_is_filtered() -> None:
    for kernel in get_args(Kernel):
        same = np.array_equal(kernel_window(kernel, 5, 2, filtered=True), kernel_window(kernel, 5, 2, filtered=False))
        assert same == (kernel != "gaussian")


@pytest.mark.parametrize(
    ("kernel", "ks", "sigma", "said"),
    [
        ("gaussian", 4, 2, "odd number of bins, and 4 is not; try 5"),
        ("gaussian", 99_999_999_999, 2, "odd number of bins up to 99,999, and 99,999,999,999 is not"),
        ("gaussian", 0, 2, "odd number of bins, and 0 is not; try 1"),
        ("triang", -3, 2, "odd number of bins, and -3 is not; try 1"),
        ("gaussian", 5, 0, "sigma must be a number of bins from 0.01 to 1000, and 0 is not"),
        ("laplace", 5, -1, "sigma must be a number of bins from"),
        ("gaussian", 5, 1e-200, "sigma must be a number of bins from"),
        ("gaussian", 5, 1e9, "sigma must be a number of bins from"),
        ("gaussian", 5, np.inf, "sigma must be a number of bins from 0.01 to 1000, and inf is not"),
        ("gaussian", 5, np.nan, "sigma must be a number of bins from 0.01 to 1000, and nan is not"),
        ("boxcar", 5, 2, "no kernel is called 'boxcar'; there are gaussian, triang, laplace, none"),
    ],
)
def test_a_window_that_cannot_be_is_refused(kernel: str, ks: int, sigma: float, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        kernel_window(cast("Kernel", kernel), ks, sigma, filtered=True)


def test_zeros_or_the_mirror_image_lie_beyond_the_range() -> None:
    counts = np.array([1, 10, 100, 1000])
    assert effective_density(counts, FLAT_3, edge="zero").tolist() == [11, 111, 1110, 1100]
    assert effective_density(counts, FLAT_3, edge="mirror").tolist() == [12, 111, 1110, 2100]


def test_the_mirror_image_repeats_the_edge() -> None:
    """Beyond a b c d lies d c b a | a b c d | d c b a, seen through a window that reaches three bins beyond."""
    a, b, c, d = 1.0, 10.0, 100.0, 1000.0
    mirrored = np.array([d, c, b, a, a, b, c, d, d, c, b, a])
    seen = kernel_window("triang", 7, 1, filtered=False)
    expected = [mirrored[row + 1 : row + 8] @ seen for row in range(4)]
    assert effective_density(np.array([a, b, c, d]), seen, edge="mirror") == pytest.approx(expected)


@pytest.mark.parametrize(("edge", "expected"), [("zero", [8, 8]), ("mirror", [4 * 5 + 3 * 3, 3 * 5 + 4 * 3])])
def test_a_window_may_reach_beyond_all_bins(edge: Edge, expected: list[int]) -> None:
    """Seven bins wide over the bins 3, 5: the mirror image is mirrored again, 3 5 | 5 3 | 3 5 | 5 3 | 3 5."""
    assert effective_density(np.array([3, 5]), np.ones(7), edge=edge).tolist() == expected


@QUICK
@given(COUNTS, KERNELS, SIZES, SIGMAS)
def test_edges_are_those_of_a_padded_array(counts: list[int], kernel: Kernel, ks: int, sigma: float) -> None:
    seen = kernel_window(kernel, ks, sigma, filtered=True)
    values, reach = np.array(counts, dtype=float), seen.size // 2
    padded: dict[Edge, FloatArray] = {
        "zero": np.pad(values, reach),
        "mirror": np.pad(values, reach, mode="symmetric"),
    }
    for edge, around in padded.items():
        assert effective_density(values, seen, edge=edge) == pytest.approx(np.convolve(around, seen, "valid"))


def test_whole_counts_are_cut_to_whole_numbers_and_others_are_not() -> None:
    seen = np.array([0.5, 1, 0.5])
    assert effective_density(np.array([0, 5, 0]), seen, edge="zero").tolist() == [2, 5, 2]
    assert effective_density(np.array([0.0, 5, 0]), seen, edge="zero").tolist() == [2.5, 5, 2.5]
    assert effective_density(np.array([0, 5, 0]), seen, edge="zero").dtype == np.int64


def test_the_window_is_that_of_the_protocol_and_a_misspelt_one_is_refused() -> None:
    assert lds_window().tolist() == kernel_window("gaussian", 5, 2, filtered=True).tolist()
    assert lds_window(protocol="paper").tolist() == kernel_window("gaussian", 5, 2, filtered=False).tolist()
    assert lds_window("laplace", 7, 3).tolist() == kernel_window("laplace", 7, 3, filtered=False).tolist()
    with pytest.raises(UsageError, match="no protocol is called 'papers'; there are released, paper"):
        lds_window(protocol=cast("ProtocolName", "papers"))
    with pytest.raises(UsageError, match="no edge is called 'flat'"):
        effective_density(np.ones(3), FLAT_3, edge=cast("Edge", "flat"))


def test_windows_from_one_bin_to_the_longest_and_of_every_width_that_means_something() -> None:
    for ks, sigma in ((1, 2), (99_999, 2), (5, 0.01), (5, 1000)):
        assert kernel_window("laplace", ks, sigma, filtered=False).size == ks
    for sigma in (0.0099, 1000.1):
        with pytest.raises(UsageError, match="sigma must be a number of bins from"):
            kernel_window("laplace", 5, sigma, filtered=False)
    with pytest.raises(UsageError, match="up to 99,999, and 100,001 is not"):
        kernel_window("laplace", 100_001, 2, filtered=False)
