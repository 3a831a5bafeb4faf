"""Faults that many cells of a column share: missing numbers written as one number, and another unit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from poleward.correction.density import Density, Numbers, Tail
from poleward.correction.verdict import DIRTY

DOUBT = 0.9
"""Probability that numbers of a group apart from all others are wrong."""

FEWEST_CELLS = 3
APART, FEW, SEVERAL, CONSTANT = 0.2, 0.1, 10, 0.5
"""Doubted is a group of fewer than a tenth of the cells, beyond a gap of a fifth of the range of at least 10 others.

But not in a column in which one value holds half of the cells, since nothing but that value is usual there.
"""

TOO_FEW = 0.1
"""Of a doubted group, what the tail of all others may explain."""

LONE_GAP, LONE_COUNT = 5.0, 5.0
"""Doubted is an outermost number so many times as far from the next as those lie apart, and so much more frequent."""

MANTISSAS = np.round(np.arange(1.0, 10.0, 0.01), 2)
MOST_TRIED = 60
"""Suspected cells on which the factors are tried."""

MOST_FACTORS = 2
EVIDENCE = 20.0
"""Nats by which a factor must explain them better than chance; ln of the number of factors tried is 10."""

MOST_POWERS = 6
"""Factors lie between 10^-6 and 10^7."""

FEWEST_SCALED, SCALED_SHARE = 5, 0.004
SHORTER = 2.0
"""A factor of fewer digits is preferred that explains them as well but for so many nats."""


@dataclass(frozen=True)
class Faults:
    r"""How wrong numbers come about in a column.

    A number is put anywhere over the column's range with probability ``astray``; it is one of a group that stands for
    something else, with ``doubt``; or it is what was meant times a factor k with probability pi_k.

    doubt : of every distinct number of the density
    factors, shares : k and pi_k
    """

    astray: float
    doubt: Float64[np.ndarray, " u"]
    factors: Float64[np.ndarray, " k"]
    shares: Float64[np.ndarray, " k"]

    @classmethod
    def of(cls, density: Density) -> "Faults":
        """Learn from the numbers of a column, wrong ones among them."""
        v, n = density.values, density.counts
        doubt = DOUBT * (apart(v, n, density.step) | lone(v, n))
        astray = density.astray(DIRTY)
        wrong = np.minimum(1.0, astray * density.anywhere() / density.mass(v))
        factors, shares = scales(density, (wrong > 0.5) | (doubt > 0))
        return cls(astray, doubt, factors, shares)

    def doubted(self, density: Density, x: Numbers) -> Numbers:
        """The doubt in each number; between two of the training cells, the smaller one of theirs."""
        at, seen = density.place(x)
        last = len(density.values) - 1
        above, below = self.doubt[np.minimum(at, last)], self.doubt[np.clip(at - 1, 0, last)]
        return np.where(seen, above, np.minimum(above, below))

    def meant(self, density: Density, x: Numbers) -> tuple[Float64[np.ndarray, "_ k"], Float64[np.ndarray, "_ k"]]:
        """What was meant if a factor is to blame, and pi_k P of it; 0 where it cannot be."""
        c = x[:, None] / self.factors
        likely = np.stack([scaled_mass(density, x, k) for k in self.factors], 1) if len(self.factors) else 0 * c
        return density.rounded(c), self.shares * likely

    def to_arrays(self) -> dict[str, Any]:
        """What was learned."""
        return {"doubt": self.doubt, "factors": np.stack([self.factors, self.shares]), "astray": np.array(self.astray)}

    @classmethod
    def restore(cls, arrays: Any) -> "Faults":
        """Rebuild the faults that wrote the arrays."""
        return cls(float(arrays["astray"]), arrays["doubt"], *arrays["factors"])


def apart(values: Numbers, counts: Any, step: float) -> Bool[np.ndarray, " u"]:
    """Tell which rising values lie in a small group far from all others: a missing number as 0, another unit.

    >>> apart(np.array([0.0, *range(20, 40)]), np.full(21, 4), 1.0).nonzero()[0].tolist()
    [0]
    """
    far = np.zeros(len(values), bool)
    for sign in (1, -1) if counts.max() < CONSTANT * counts.sum() else ():
        v, n = values[::sign] * sign, np.cumsum(counts[::sign])[:-1]
        below = np.arange(1, len(v))
        small = (n >= FEWEST_CELLS) & (n < FEW * counts.sum()) & (len(v) - below >= SEVERAL)
        cuts = np.flatnonzero(small & (np.diff(v) > APART * (v[-1] - v[1:])))
        cuts = cuts[[unexplained(v, counts[::sign], cut, step) for cut in cuts.tolist()]]
        beyond = np.arange(len(v)) <= cuts.max(initial=-1)
        far |= beyond[::sign]
    return far


def unexplained(values: Numbers, counts: Any, cut: int, step: float) -> bool:
    """Tell whether the values up to a place are too many for the lower tail of those above.

    >>> unexplained(np.array([0.0, *range(20, 40)]), np.full(21, 4), 0, step=1.0)
    True
    """
    rest = counts[cut + 1 :]
    tail = Tail.of(values[cut + 1 :], rest, step, -1)
    return tail is None or bool(rest.sum() * tail.survival(values[cut]) < TOO_FEW * counts[: cut + 1].sum())


def lone(values: Numbers, counts: Any) -> Bool[np.ndarray, " u"]:
    """Tell whether an outermost value stands by itself, and is far more frequent than those it is beside.

    >>> lone(np.array([0.0, *range(17, 90)]), np.array([40.0] + [5.0] * 73)).nonzero()[0].tolist()
    [0]
    """
    found = np.zeros(len(values), bool)
    for sign in (1, -1) if len(values) > SEVERAL else ():
        v, n = values[::sign] * sign, counts[::sign]
        gap, usual = v[1] - v[0], np.diff(v[1 : SEVERAL + 1]).max()
        few = FEWEST_CELLS <= n[0] < FEW * counts.sum()
        alone = few and gap > LONE_GAP * usual and n[0] > LONE_COUNT * np.median(n[1 : SEVERAL + 1])
        found[::sign][0] |= alone
    return found


def scaled_mass(density: Density, x: Numbers, factor: Any) -> Numbers:
    """P of a number if it is another one of the column times a factor, or each times one of its own."""
    c = x / factor
    likely = density.mass(density.rounded(c)) / (np.abs(factor) if density.continuous else 1.0)
    return np.where(density.on_grid(c) & (x != 0), likely, 0.0)


def scales(density: Density, suspected: Bool[np.ndarray, " u"]) -> tuple[Numbers, Numbers]:
    """Factors that turn suspected numbers into usual ones, and the share of the cells that each explains."""
    if suspected.all() or not suspected.any():
        return np.zeros(0), np.zeros(0)
    usual = Density.of(np.repeat(density.values[~suspected], density.counts[~suspected].astype(int)), density.step)
    open_, factors, shares = suspected & (density.values != 0), [], []
    for _ in range(MOST_FACTORS):
        x = density.values[open_]
        factor = best_factor(usual, density, x, np.minimum(density.counts[open_], FEWEST_CELLS))
        if factor is None:
            break
        explained = explains(usual, density, x, factor) > 0
        share = density.counts[open_][explained].sum() / density.counts.sum()
        if explained.sum() < FEWEST_SCALED or share < SCALED_SHARE:
            break
        factors.append(factor)
        shares.append(share)
        open_[np.flatnonzero(open_)[explained]] = False
    return np.array(factors), np.array(shares)


def explains(usual: Density, density: Density, x: Numbers, factor: Any) -> Any:
    """Nats by which a factor explains each number better than chance does."""
    return np.log(0.5 + 0.5 * scaled_mass(usual, x, factor) / density.anywhere())


def best_factor(usual: Density, density: Density, x: Numbers, weights: Numbers) -> float | None:
    """The factor that explains some numbers best; None if none does."""
    if len(x) < FEWEST_SCALED or len(usual.values) < SEVERAL:
        return None
    rows = np.unique(np.linspace(0, len(x) - 1, MOST_TRIED).astype(int))
    some = x[rows]
    tried = candidates(usual, some)
    pairs = explains(usual, density, np.tile(some, len(tried)), np.repeat(tried, len(some)))
    gains = pairs.reshape(len(tried), len(some)) @ weights[rows]
    if gains.max() < EVIDENCE:
        return None
    good = tried[gains >= gains.max() - SHORTER]
    return float(min(good, key=lambda factor: (len(f"{factor:.3g}".strip("0.")), factor)))


def candidates(usual: Density, x: Numbers) -> Numbers:
    """-1, and factors of three digits that would bring suspected numbers among the usual ones."""
    low, high = np.quantile(np.abs(x), [0.1, 0.9])
    reach = np.abs(usual.values[usual.values != 0])
    least, most = low / reach.max(), high / reach.min()
    powers = np.arange(max(np.floor(np.log10(least)), -MOST_POWERS), min(np.ceil(np.log10(most)), MOST_POWERS) + 1)
    tried = (MANTISSAS * 10.0 ** powers[:, None]).ravel()
    tried = tried[(tried >= least) & (tried <= most) & (np.abs(tried - 1) > 1e-9)]
    return np.concatenate([[-1.0], tried])
