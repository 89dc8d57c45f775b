"""Intervals against values worked out by hand, published examples, a brute-force likelihood, and their coverage."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleuth.evaluation.statistics import (
    Interval,
    differences_over_seeds,
    mean_interval,
    paired_difference,
    paired_mean_difference,
    share_interval,
    t_quantile,
    tango_statistic,
)


def named(values: list[float] | np.ndarray) -> dict[str, list[float]]:
    return {f"p{i}": [float(value)] for i, value in enumerate(values)}


def solved(k: int, n: int) -> dict[str, list[float]]:
    return named([1.0] * k + [0.0] * (n - k))


def pairs(both: int, gained: int, lost: int, neither: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """0/1 values of a and b on the same puzzles, from the four counts of the paired table."""
    cells = [(1, 1)] * both + [(0, 1)] * gained + [(1, 0)] * lost + [(0, 0)] * neither
    return named([a for a, _ in cells]), named([b for _, b in cells])


def test_wilson_by_hand() -> None:
    # 8 of 10: z² = 3.841459; centre (8 + 1.920729) / 13.841459, half width z·sqrt(8·2/10 + 0.960365) / 13.841459.
    interval = share_interval(solved(8, 10))
    assert interval.mean == 0.8 and interval.n == 10
    assert interval.low == pytest.approx(
        (8 + 1.920729) / 13.841459 - 1.959964 * math.sqrt(2.560365) / 13.841459, abs=1e-6
    )
    assert (interval.low, interval.high) == pytest.approx((0.490162, 0.943318), abs=1e-6)


def test_all_or_none_solved_does_not_collapse() -> None:
    # Wilson's inner limit is z² / (n + z²) from the end: 3.841459 / 203.841459.
    assert share_interval(solved(200, 200)) == Interval(1.0, pytest.approx(1 - 0.0188453, abs=1e-6), 1.0, 200)
    assert share_interval(solved(0, 200)) == Interval(0.0, 0.0, pytest.approx(0.0188453, abs=1e-6), 200)


def test_a_puzzle_counts_once_however_often_it_was_sampled() -> None:
    once = share_interval({"a": [1.0], "b": [0.0], "c": [1.0]})
    often = share_interval({"a": [1.0] * 50, "b": [0.0] * 7, "c": [1.0]})
    assert often == once
    assert share_interval({"a": [1.0, 0.0], "b": [1.0, 1.0]}).mean == 0.75


def test_shares_between_0_and_1_are_surer_than_0_and_1() -> None:
    # Mean ½ both; variance 1/16 against 1/4. With the two added values: (100·1/16 + 2·1/4)/102 over 1/4.
    interval = share_interval(named([0.25] * 50 + [0.75] * 50))
    effective = 100 / ((100 / 16 + 0.5) / 102 * 4)
    assert interval.high - 0.5 == pytest.approx(share_half_width(0.5, effective), rel=1e-9)


def share_half_width(p: float, n: float) -> float:
    z2 = 1.959963984540054**2
    return math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # Airway hyper-responsiveness before and after stem cell transplantation: the example of Fagerland, Lydersen
        # and Laake, "Recommended tests and confidence intervals for paired binomial proportions" (2014).
        ((1, 1, 7, 12), -0.517, -0.026),
        # No pair differs: the limits solve δ = z·sqrt(δ(1 - δ)/n), δ = z²/(n + z²).
        ((150, 0, 0, 50), -0.018845, 0.018845),
        # Every pair gained: likeliest is P(lost) = (1 - δ)/2, so n(1 - δ)² = z²(1 - δ²), δ = (n - z²)/(n + z²).
        ((0, 200, 0, 0), 196.158541 / 203.841459, 1.0),
    ],
)
def test_tango_published_and_by_hand(table: tuple[int, int, int, int], low: float, high: float) -> None:
    interval = paired_difference(*pairs(*table))
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-4 if low == -0.517 else 1e-6)
    assert interval.mean == pytest.approx((table[1] - table[2]) / sum(table))


@pytest.mark.parametrize(("gained", "lost", "n"), [(7, 1, 21), (1, 7, 21), (40, 20, 160), (0, 5, 44), (3, 0, 200)])
@pytest.mark.parametrize("delta", [-0.3, -0.05, 0.02, 0.2])
def test_tango_statistic_against_brute_force_likelihood(gained: int, lost: int, n: int, delta: float) -> None:
    p_lost = np.linspace(max(0.0, -delta), (1 - delta) / 2, 2_000_001)[1:-1]
    log_likelihood = (
        gained * np.log(p_lost + delta) + lost * np.log(p_lost) + (n - gained - lost) * np.log(1 - 2 * p_lost - delta)
    )
    best = p_lost[np.argmax(log_likelihood)]
    expected = (gained - lost - n * delta) / math.sqrt(n * (2 * best + delta - delta**2))
    assert tango_statistic(delta, gained, lost, n) == pytest.approx(expected, abs=1e-3)


def test_t_interval_by_hand() -> None:
    # 1, 2, 3, 6: mean 3, variance 14/3, standard error sqrt(14/12), t(3) = 3.182446.
    half = 3.182446 * math.sqrt(14 / 12)
    assert mean_interval(named([1, 2, 3, 6])) == Interval(3.0, *(pytest.approx(3 + s * half) for s in (-1, 1)), 4)
    paired = paired_mean_difference(named([10, 10, 10, 10]), named([11, 12, 13, 16]))
    assert (paired.mean, paired.high - paired.mean) == (3.0, pytest.approx(half))
    single = mean_interval({"a": [5.0]})
    assert single.mean == 5.0 and math.isnan(single.low) and math.isnan(single.high)


def test_differences_over_seeds_of_two_arms_are_the_paired_ones() -> None:
    values = np.array([[10.0, 10, 10, 10], [11, 12, 13, 16]])
    assert differences_over_seeds(values) == [Interval(3.0, *(pytest.approx(3 + s * 3.437435) for s in (-1, 1)), 4)]


def test_differences_over_seeds_by_hand() -> None:
    """Means of the arms 1, 4, 4; of the seeds 2 and 4; of all 3. What arm and seed leave: 0 and 0, -1 and 1, 1 and -1:
    a sum of squares of 4 with 2 degrees of freedom, so a difference has a standard error of sqrt(2 / 2 * 4 / 2). For
    two of them t(2) at 97.5 %: 6.205347."""
    values = np.array([[0.0, 2], [2, 6], [4, 4]])
    half = pytest.approx(6.205347 * math.sqrt(2))
    found = differences_over_seeds(values)
    assert [one.mean for one in found] == [3.0, 3.0] and [one.mean - one.low for one in found] == [half, half]
    assert [one.high - one.mean for one in found] == [half, half]


def test_an_arm_without_a_value_tells_nothing_of_chance() -> None:
    values = np.array([[0.0, 2], [2, math.nan], [4, 4]])
    none, some = differences_over_seeds(values)
    assert math.isnan(none.mean) and math.isnan(none.low)
    # Arms 1 and 3 leave -1/2, 1/2, 1/2, -1/2; one degree of freedom, and t(1) at 97.5 %: 25.451700.
    assert some == Interval(3.0, pytest.approx(3 - 25.4517), pytest.approx(3 + 25.4517), 2)
    (only,) = differences_over_seeds(np.array([[math.nan, 1], [1, 2]]))
    assert math.isnan(only.mean) and math.isnan(only.high)


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 12.7062), (2, 4.3027), (3, 3.1824), (24, 2.0639), (199, 1.9720)])
def test_t_quantile_against_the_printed_table(degrees: int, quantile: float) -> None:
    assert t_quantile(degrees) == pytest.approx(quantile, abs=5e-5)


@pytest.mark.parametrize(
    ("degrees", "confidence", "quantile"), [(4, 0.9875, 4.3147), (2, 0.99, 9.9248), (1, 0.99, 63.657)]
)
def test_t_quantile_for_other_confidences(degrees: int, confidence: float, quantile: float) -> None:
    assert t_quantile(degrees, confidence) == pytest.approx(quantile, rel=2e-4)


def test_refuses_what_it_cannot_answer() -> None:
    with pytest.raises(ValueError, match="no puzzles"):
        share_interval({})
    with pytest.raises(ValueError, match="puzzle b has no values"):
        share_interval({"a": [1.0], "b": []})
    with pytest.raises(ValueError, match="mean_interval"):
        share_interval({"a": [1.5]})
    with pytest.raises(ValueError, match="same puzzles: c is only in one"):
        paired_difference({"a": [1.0], "b": [1.0]}, {"a": [1.0], "b": [0.0], "c": [1.0]})
    with pytest.raises(ValueError, match="paired_mean_difference"):
        paired_difference({"a": [3.0]}, {"a": [1.0]})


def test_pairs_are_matched_by_id_not_by_order() -> None:
    a, b = {"x": [1.0], "y": [0.0]}, {"y": [0.0], "x": [1.0]}
    assert paired_difference(a, b) == paired_difference(a, a)


shares = st.lists(st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 2 / 3, 1.0]), min_size=1, max_size=30)


@given(shares)
def test_share_interval_properties(values: list[float]) -> None:
    interval = share_interval(named(values))
    assert 0 <= interval.low <= interval.mean <= interval.high <= 1
    assert interval.high - interval.low > 0.01
    mirrored = share_interval(named([1 - value for value in values]))
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - interval.high, 1 - interval.low))


@given(shares)
def test_paired_difference_properties(values: list[float]) -> None:
    other = values[::-1]
    interval = paired_difference(named(values), named(other))
    assert -1 <= interval.low <= interval.mean <= interval.high <= 1
    back = paired_difference(named(other), named(values))
    assert (back.low, back.high) == pytest.approx((-interval.high, -interval.low))


# Coverage: how often the 95 % interval holds the truth. Over 1000 draws it is known to 0.7 per cent.

DRAWS = 1000


def covers(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize("p", [0.03, 0.125, 0.5, 0.8, 0.97])
def test_coverage_of_strict_shares(p: float) -> None:
    """Exact: the binomial probability of all counts whose interval holds p."""
    n = 200
    held = sum(
        math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1) if covers(share_interval(solved(k, n)), p)
    )
    assert 0.92 <= held <= 0.98


def thirds(p: float, n: int) -> Callable[[np.random.Generator], np.ndarray]:
    """Three questions a puzzle, right or wrong together half of the time."""

    def draw(generator: np.random.Generator) -> np.ndarray:
        own = generator.random((n, 3)) < p
        together = np.repeat(generator.random((n, 1)) < p, 3, axis=1)
        return np.where(generator.random((n, 1)) < 0.5, own, together).mean(axis=1)

    return draw


@pytest.mark.parametrize(("p", "n"), [(0.5, 20), (0.5, 200), (0.8, 200), (0.97, 200), (0.03, 200)])
def test_coverage_of_shares_of_answers(p: float, n: int) -> None:
    generator, draw = np.random.default_rng(1), thirds(p, n)
    held = np.mean([covers(share_interval(named(draw(generator))), p) for _ in range(DRAWS)])
    assert 0.92 <= held <= 0.98


@pytest.mark.parametrize(("before", "after"), [(0.03, 0.97), (0.97, 0.97), (0.95, 0.99), (0.2, 0.35), (0.5, 0.5)])
def test_coverage_of_paired_strict_differences(before: float, after: float) -> None:
    """Both depend on how hard the puzzle is, so that the pairs are correlated."""
    n = 200
    generator = np.random.default_rng(2)
    held = 0
    for _ in range(DRAWS):
        shared, own = generator.random(n), generator.random((2, n))
        hard = generator.random(n) < 0.7
        a = np.where(hard, shared, own[0]) < before
        b = np.where(hard, shared, own[1]) < after
        held += covers(paired_difference(named(a), named(b)), after - before)
    assert 0.92 <= held / DRAWS <= 0.98


@pytest.mark.parametrize(("before", "after"), [(0.5, 0.97), (0.9, 0.97), (0.5, 0.5)])
def test_coverage_of_paired_differences_of_answers(before: float, after: float) -> None:
    generator = np.random.default_rng(3)
    draw_a, draw_b = thirds(before, 200), thirds(after, 200)
    held = np.mean(
        [
            covers(paired_difference(named(draw_a(generator)), named(draw_b(generator))), after - before)
            for _ in range(DRAWS)
        ]
    )
    assert 0.92 <= held <= 0.98
