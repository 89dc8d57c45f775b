"""Means over puzzles with 95 % intervals, and differences between two policies on the same puzzles.

The puzzle is the unit that was drawn at random. Samples of one puzzle resemble each other, so they are averaged
first and a puzzle counts once, however often it was sampled; the intervals speak about fresh puzzles of the same kind.

Shares (values within 0 … 1) get Wilson's score interval [1], not mean ± 1.96 standard errors: 200 puzzles of 200
solved is no proof that every puzzle will be, and Wilson says 98.1 … 100 %. Differences of shares get Tango's score
interval for paired proportions [2], for the same reason: two policies that agree on all 200 puzzles may still differ.

Both are made for 0/1 values. Shares of answers and averages over samples lie in between and vary less than 0/1
values of the same mean would; how much less is measured as the design effect, the ratio of the two variances, and n
puzzles then count as n / design effect, the way survey statistics adapts Wilson's interval to clusters [3]. The
design effect is estimated on the sample plus one value at either end (as Agresti and Coull add successes and
failures [4]): it is then defined for a sample without any spread, drawn towards 1 where there is little to estimate it
from, and exactly 1 for 0/1 values, for which the published intervals come out unchanged.

What can't be bounded (a length in tokens) gets Student's t interval.

[1] E. B. Wilson, JASA 22 (1927) 209–212. [2] T. Tango, Statistics in Medicine 17 (1998) 891–908.
[3] E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998) 193–201; N. Dean, M. Pagano, Journal of Survey Statistics
and Methodology 3 (2015) 484–503. [4] A. Agresti, B. A. Coull, The American Statistician 52 (1998) 119–126.
[5] G. W. Snedecor, W. G. Cochran, Statistical Methods, 8th edition (1989), chapter 14.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""

ValuesByPuzzle = Mapping[str, Sequence[float]]
"""Puzzle id to the values of its samples."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over puzzles with its 95 % interval."""

    mean: float
    low: float
    high: float
    n: int
    """Puzzles."""


def share_interval(values_by_puzzle: ValuesByPuzzle) -> Interval:
    """Mean of values within 0 … 1 with its interval (Wilson's, for 0/1 values of one sample per puzzle).

    Raises `ValueError` without puzzles, for a puzzle without values, and for values outside 0 … 1.
    """
    values = puzzle_means(values_by_puzzle)
    if values.min() < 0 or values.max() > 1:
        raise ValueError(f"a share lies within 0 and 1, got {values.min():g} … {values.max():g}; see mean_interval")
    n = len(values)
    n_effective = n / _design_effect(values, ends=(0.0, 1.0))
    mean = float(values.mean())
    denominator = 1 + Z**2 / n_effective
    centre = (mean + Z**2 / (2 * n_effective)) / denominator
    half = Z / denominator * math.sqrt(mean * (1 - mean) / n_effective + Z**2 / (4 * n_effective**2))
    # Where the mean is at an end, the interval ends there too; rounding must not put it a hair inside.
    return Interval(mean, max(0.0, min(centre - half, mean)), min(1.0, max(centre + half, mean)), n)


def paired_difference(a_by_puzzle: ValuesByPuzzle, b_by_puzzle: ValuesByPuzzle) -> Interval:
    """Mean of b - a over the same puzzles, values within 0 … 1, with its interval (Tango's, for 0/1 values).

    Raises `ValueError` where `share_interval` does, and if the two are not about the same puzzles.
    """
    difference = _differences(a_by_puzzle, b_by_puzzle)
    if np.abs(difference).max() > 1:
        raise ValueError("a difference of shares lies within -1 and 1; see paired_mean_difference")
    n = len(difference)
    n_effective = n / _design_effect(difference, ends=(-1.0, 1.0))
    gained = float(np.clip(difference, 0, None).mean()) * n_effective
    lost = float(np.clip(-difference, 0, None).mean()) * n_effective
    mean = float(difference.mean())

    # The statistic falls as delta rises, from above Z (if the mean is not -1 itself) to below -Z.
    def solve(target: float, low: float, high: float) -> float:
        for _ in range(60):
            middle = (low + high) / 2
            if tango_statistic(middle, gained, lost, n_effective) > target:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    low = -1.0 if mean == -1 else solve(Z, -1.0, mean)
    high = 1.0 if mean == 1 else solve(-Z, mean, 1.0)
    return Interval(mean, low, high, n)


def paired_p_value(a_by_puzzle: ValuesByPuzzle, b_by_puzzle: ValuesByPuzzle) -> float:
    """How likely a difference at least as large is, in either direction, if the two are equally good: the test whose
    interval is `paired_difference`, so it is below 5 % exactly where that leaves out 0. For 0/1 values of one sample
    per puzzle it is McNemar's test.

    Raises `ValueError` where `paired_difference` does.
    """
    difference = _differences(a_by_puzzle, b_by_puzzle)
    n_effective = len(difference) / _design_effect(difference, ends=(-1.0, 1.0))
    gained = float(np.clip(difference, 0, None).mean()) * n_effective
    lost = float(np.clip(-difference, 0, None).mean()) * n_effective
    return math.erfc(abs(tango_statistic(0.0, gained, lost, n_effective)) / math.sqrt(2))


def mean_interval(values_by_puzzle: ValuesByPuzzle) -> Interval:
    """Mean of unbounded values with Student's t interval; both ends are NaN for a single puzzle.

    Raises `ValueError` without puzzles and for a puzzle without values.
    """
    return _t_interval(puzzle_means(values_by_puzzle))


def paired_mean_difference(a_by_puzzle: ValuesByPuzzle, b_by_puzzle: ValuesByPuzzle) -> Interval:
    """Mean of b - a over the same puzzles, unbounded values, with Student's t interval.

    Raises `ValueError` where `mean_interval` does, and if the two are not about the same puzzles.
    """
    return _t_interval(_differences(a_by_puzzle, b_by_puzzle))


def puzzle_means(values_by_puzzle: ValuesByPuzzle) -> NDArray[np.float64]:
    """The mean of each puzzle's samples, in the order of the mapping; shape [puzzles]."""
    if not values_by_puzzle:
        raise ValueError("no puzzles, so no mean")
    empty = [puzzle for puzzle, values in values_by_puzzle.items() if len(values) == 0]
    if empty:
        raise ValueError(f"puzzle {empty[0]} has no values")
    return np.array([math.fsum(values) / len(values) for values in values_by_puzzle.values()], dtype=np.float64)


def tango_statistic(delta: float, gained: float, lost: float, n: float) -> float:
    """Tango's score statistic of the hypothesis that the true difference is `delta`: near normal if it is.

    `gained` and `lost` count the pairs that only the second and only the first policy got right, `n` all pairs. The
    variance is that of the likeliest cell probabilities under the hypothesis, which is why it does not collapse.
    """
    # Under the hypothesis, P(gained) = P(lost) + delta; maximising the likelihood gives a quadratic in P(lost).
    a = 2 * n
    b = (2 * n - gained + lost) * delta - gained - lost
    c = -lost * delta * (1 - delta)
    p_lost = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * p_lost + delta * (1 - delta))
    distance = gained - lost - n * delta
    if variance <= 0:  # only at the ends of the scale and at delta = 0 without a single differing pair
        return 0.0 if abs(distance) < 1e-12 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _differences(a_by_puzzle: ValuesByPuzzle, b_by_puzzle: ValuesByPuzzle) -> NDArray[np.float64]:
    """b - a per puzzle, in the order of a."""
    only = sorted(a_by_puzzle.keys() ^ b_by_puzzle.keys())
    if only:
        raise ValueError(f"the two are not about the same puzzles: {only[0]} is only in one ({len(only)} such)")
    return puzzle_means({puzzle: b_by_puzzle[puzzle] for puzzle in a_by_puzzle}) - puzzle_means(a_by_puzzle)


def _design_effect(values: NDArray[np.float64], ends: tuple[float, float]) -> float:
    """Variance of the values over the variance of a sample with the same mean whose values are 0 or at an end."""
    padded = np.append(values, ends)
    square_of_mean = float(padded.mean()) ** 2
    # A value of 0 or +-1 is as large as its square, so the mean size is the mean square of such a sample.
    return (float((padded**2).mean()) - square_of_mean) / (float(np.abs(padded).mean()) - square_of_mean)


def _t_interval(values: NDArray[np.float64]) -> Interval:
    n = len(values)
    mean = float(values.mean())
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = t_quantile(n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def differences_over_seeds(values: NDArray[np.float64]) -> list[Interval]:
    """How much each arm of a study but the first lies above the first, over the same seeds; `values` has shape
    [arms, seeds], at least two of each. The intervals hold for all differences together.

    A value is the sum of what its arm adds, what its seed adds and chance, whose variance is the same in all arms (a
    randomised block design [5]). So every arm helps to estimate the variance, with (arms - 1)(seeds - 1) degrees of
    freedom where a single difference has seeds - 1. Of two arms this is the paired t interval. Bonferroni's correction
    makes the intervals hold together. An arm with a NaN gets NaN and is left out of the estimate.
    """
    arms, seeds = values.shape
    measured = np.array([not np.isnan(row).any() for row in values])
    differences = (values - values[0]).mean(axis=1)
    half, known = math.nan, values[measured]
    if measured[0] and len(known) > 1:
        chance = known - known.mean(axis=1, keepdims=True) - known.mean(axis=0) + known.mean()
        degrees = (len(known) - 1) * (seeds - 1)
        spread = math.sqrt(2 / seeds * float((chance**2).sum()) / degrees)
        half = t_quantile(degrees, 1 - (1 - CONFIDENCE) / (arms - 1)) * spread
    halves = np.where(measured, half, math.nan)
    ends = zip(*(found[1:].tolist() for found in (differences, halves)), strict=True)
    return [Interval(mean, mean - width, mean + width, seeds) for mean, width in ends]


def t_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    """What Student's t, with a whole number of degrees of freedom, at least 1, stays within with this probability, on
    either side of 0: for 0.95 its 97.5 % quantile.

    Found by halving on the distribution function, a finite series (Abramowitz and Stegun, 26.7.3 and 26.7.4).
    """

    def inside(t: float) -> float:
        """P(|T| <= t)."""
        angle = math.atan(t / math.sqrt(degrees))
        cosine, sine = math.cos(angle), math.sin(angle)
        odd = degrees % 2
        term = cosine if odd else 1.0
        total = 0.0
        for k in range(degrees // 2):
            total += term
            term *= cosine**2 * (2 * k + 1 + odd) / (2 * k + 2 + odd)
        return 2 / math.pi * (angle + sine * total) if odd else sine * total

    low, high = 1.0, 13.0
    while inside(high) < confidence:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if inside(middle) < confidence else (low, middle)
    return (low + high) / 2
