"""Columns of numbers and dates: a histogram over frequent values and intervals between quantiles."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float64, Int64

from poleward.correction.density import Density, Numbers
from poleward.correction.faults import FEWEST_CELLS, Faults
from poleward.correction.spelling import Nearest, nearest
from poleward.correction.verdict import DIRTY, FARTHEST_VALUE, TO_BE_NEARER, TO_BE_RIGHT, Verdict, wrong_if_missing
from poleward.data.columns import (
    Date,
    Numeric,
    as_type,
    floats,
    is_text,
    known,
    microseconds,
    numbers,
    readable,
    trimmed,
)
from poleward.data.scaling import into_dtype

FORMS = {
    "numeric": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?$",
}
"""How numbers and dates are written."""

READERS: Mapping[str, type[Numeric] | type[Date]] = {"numeric": Numeric, "date": Date}

MOST_ATOMS = 64
ATOM_SHARE = 0.005
"""A value that at least `FEWEST_CELLS` and 0.5 % of them hold has a slot of its own."""

CELLS_PER_INTERVAL = 50
NEAR_STEPS = 2.5
"""Two frequent numbers so many steps from each other are beside each other."""

MOST_INTERVALS = 32
FEWEST_INTERVALS = 4

TAIL = 0.01
"""Share of the cells beyond the outermost quantile, on either side."""

FEW_VALUES, NEARLY_ALL = 30, 0.95
"""A column of numbers is one of few values if at most so many of them make up more than this share of its cells."""

MISLED = 0.002
"""Probability that the other cells say nothing of a number, since one of them is wrong itself."""

NEVER = 1e-4
"""Of its share, what remains right of a number that only faults explain."""

SAME_DECIMALS = 0.9
"""A new number has the decimals that this share of the typical values have."""


@dataclass(frozen=True)
class Quantities:
    """A column of numbers or dates; its slots are the atoms, the intervals, and what lies below and above them.

    form : reads and writes the values, and knows their scale
    atoms : frequent values, rising, in that scale
    edges : of the intervals that hold all others, rising
    typical : of every slot, one of the values that the training cells held
    share : of the training cells that lie in each slot
    spelt : the typical values as the source writes them, for a column of texts
    density : of the numbers, in their own unit
    faults : how wrong ones came about
    missing : probability that a missing cell should hold a value
    """

    name: str
    form: Numeric | Date
    atoms: Float64[np.ndarray, " a"]
    edges: Float64[np.ndarray, " e"]
    typical: Float64[np.ndarray, " slots"]
    share: Float64[np.ndarray, " slots"]
    spelt: tuple[str, ...]
    density: Density
    faults: Faults
    missing: float

    kind = "quantities"

    @classmethod
    def fit(cls, name: str, column: Any, kind: str, most_slots: int = MOST_INTERVALS) -> "Quantities":
        """Learn the values of a column, at least one of its cells a number or a date."""
        cells = understood(readable(column), kind)
        form = READERS[kind].fit(name, column.type, cells)
        present = cells.drop_null()
        v = form.encode(present)[:, 0]
        values, first, counts = np.unique(v, return_index=True, return_counts=True)
        atoms = frequent(values, counts, most_slots)
        edges = interval_edges(v[~np.isin(v, atoms)], most_slots)
        slots = slots_of(values, atoms, edges)
        n_slots = len(atoms) + len(edges) + 1
        middle = middle_values(slots, counts, n_slots)
        spelt = tuple(trimmed(present).take(pa.array(first[middle])).to_pylist()) if is_text(present.type) else ()
        missing = wrong_if_missing(1 - float(known(readable(column)).mean()), n_slots)
        share = (np.bincount(slots, counts, n_slots) + 0.5) / (counts.sum() + 0.5 * n_slots)
        density = Density.of(in_own_unit(form, present))
        return cls(name, form, atoms, edges, values[middle], share, spelt, density, Faults.of(density), missing)

    @property
    def n_slots(self) -> int:
        """How many slots."""
        return len(self.typical)

    @cached_property
    def beside(self) -> Float64[np.ndarray, "slots slots"]:
        """Weights by which the lift of a slot of few cells (columns) is averaged with those of the slots beside it.

        1 for itself, 1/2 for a neighbour that is as frequent at least; none for slots of many cells, whose lift is well
        known, or across a gap between atoms, as of a code.
        """
        order = np.argsort(self.typical, kind="stable")
        x, share, apart = (array[order] for array in (self.typical, self.share, np.arange(self.n_slots)))
        atom = apart < len(self.atoms)
        x = self.form.scale.restore(x)
        near = (np.diff(x) <= NEAR_STEPS * self.density.step) | ~(atom[1:] & atom[:-1])
        few = share * self.density.counts.sum() < CELLS_PER_INTERVAL
        weights = np.eye(len(x))
        for one, other in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            rows, columns = np.arange(len(x))[other], np.arange(len(x))[one]
            ratio = np.minimum(1.0, share[rows] / share[columns])
            weights[rows, columns] = 0.5 * ratio * near * (few | ~atom)[columns]
        back = np.argsort(order, kind="stable")
        return np.asarray(weights / weights.sum(0))[np.ix_(back, back)]

    @property
    def ranks(self) -> Float64[np.ndarray, " slots"]:
        """The typical value of each slot in the column's scale, within `FARTHEST_VALUE`."""
        return np.clip(self.typical, -FARTHEST_VALUE, FARTHEST_VALUE)

    @property
    def alone(self) -> Bool[np.ndarray, " slots"]:
        """A row may speak for one number by itself, as for a code."""
        return np.ones(self.n_slots, bool)

    @property
    def of_few_values(self) -> bool:
        """Whether a new number is right or wrong, as in a column of a few values; in any other it is near or far."""
        return bool(len(self.atoms) <= FEW_VALUES and self.share[: len(self.atoms)].sum() > NEARLY_ALL)

    @property
    def caution(self) -> float:
        """Smallest support for a change."""
        return TO_BE_RIGHT if self.of_few_values else TO_BE_NEARER

    def read(self, column: Any) -> "ReadQuantities":
        """Find the slot of each cell; what is no number is compared with the frequent numbers as text."""
        raw = readable(column)
        cells = understood(raw, self.form.kind)
        fine = known(cells)
        x, v = in_own_unit(self.form, cells), self.form.encode(cells)[:, 0]
        strange: Any = pc.if_else(pa.array(fine), pa.scalar(None, raw.type), raw).dictionary_encode()
        texts = strange.dictionary.to_pylist() if is_text(raw.type) else []
        codes = strange.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        near = nearest([*texts, ""], self.spelt[: len(self.atoms)])
        own = self.slot_of(v)
        alone = Suspicion.of(self, np.where(fine, x, self.density.values[0]))
        return ReadQuantities(self, np.where(fine, own, -1), v, *self.sides_of(v, own), codes, near, alone)

    def slot_of(self, v: Numbers) -> Int64[np.ndarray, " n"]:
        """The slot of each number in the column's scale."""
        return slots_of(v, self.atoms, self.edges)

    def sides_of(self, v: Numbers, own: Int64[np.ndarray, " n"]) -> tuple[Int64[np.ndarray, "2 n"], Numbers]:
        """The slots whose typical values lie on either side of each number, and its nearness to the second, in [0, 1].

        Both are its own slot where it is a frequent number, or where one of them is, and more than `NEAR_STEPS` away.

        own : the slot of each number
        """
        order = np.argsort(self.typical, kind="stable")
        x = self.typical[order]
        above = np.searchsorted(x, v)
        low, high = np.maximum(above - 1, 0), np.minimum(above, len(x) - 1)
        sides, width = order[np.stack([low, high])], x[high] - x[low]
        with np.errstate(invalid="ignore"):
            away = np.abs(self.form.scale.restore(self.typical[sides]) - self.form.scale.restore(v))
        far = ((sides < len(self.atoms)) & (away > NEAR_STEPS * self.density.step)).any(0)
        by_itself = far | (own < len(self.atoms)) | (width == 0)
        nearness = (v - x[low]) / np.where(width > 0, width, 1.0)
        return np.where(by_itself, own, sides), np.where(by_itself, 0.0, np.clip(nearness, 0.0, 1.0))

    def write(self, choice: Int64[np.ndarray, " m"], number: Numbers, type: pa.DataType) -> Any:  # noqa: A002
        """Numbers, and where they are NaN the typical values of slots, in the type of the source."""
        exact = ~np.isnan(number)
        if self.spelt:
            texts = np.array(self.spelt, object)[choice]
            texts[exact] = [self._spelt(x) for x in number[exact].tolist()]
            return as_type(pa.array(texts, pa.large_string()), type)
        if isinstance(self.form, Numeric) and not pa.types.is_decimal(type):
            x = np.where(exact, number, self.form.scale.restore(self.typical[choice]))
            return as_type(pa.array(into_dtype(x, type.to_pandas_dtype())), type)
        v = np.where(exact, self.form.scale.prepare(np.nan_to_num(number)), self.typical[choice])
        return self.form.decode(v[:, None])

    def likely(self, column: Any) -> tuple[Numbers, Numbers]:
        """P of the cells of some column as numbers of this one by themselves, right ones and all.

        Next to 0 for what is no number.
        """
        x = in_own_unit(self.form, understood(readable(column), self.form.kind))
        fine, tiny = ~np.isnan(x), np.finfo(float).tiny
        found = Suspicion.of(self, np.where(fine, x, self.density.values[0]))
        right = found.mass - found.astray - found.doubted - found.scaled.sum(1)
        return np.where(fine, np.maximum(right, NEVER * found.mass), tiny), np.where(fine, found.mass, tiny)

    def to_manifest(self) -> dict[str, Any]:
        """What was learned, as plain values."""
        facts = {"form": self.form.to_manifest(), "spelt": list(self.spelt), "missing": self.missing}
        return {"kind": self.kind, "name": self.name, **facts}

    def to_arrays(self) -> dict[str, Any]:
        """What was learned, as arrays."""
        arrays = {"atoms": self.atoms, "edges": self.edges, "typical": self.typical, "share": self.share}
        return arrays | self.density.to_arrays() | self.faults.to_arrays()

    @classmethod
    def restore(
        cls,
        type: pa.DataType,  # noqa: A002
        facts: Mapping[str, Any],
        arrays: Mapping[str, Any],
    ) -> "Quantities":
        """Rebuild the column."""
        form = READERS[facts["form"]["kind"]].from_manifest(type, facts["form"])
        learned: dict[str, Any] = {name: arrays[name] for name in ("atoms", "edges", "typical", "share")}
        learned |= {"density": Density.restore(arrays), "faults": Faults.restore(arrays)}
        return cls(facts["name"], form, spelt=tuple(facts["spelt"]), missing=facts["missing"], **learned)

    def _spelt(self, number: float) -> str:
        """A number with as many decimals as most typical values have."""
        decimals, n = Counter(len(text.partition(".")[2]) for text in self.spelt).most_common(1)[0]
        return f"{number:.{decimals}f}" if n >= SAME_DECIMALS * len(self.spelt) else f"{number:.12g}"


@dataclass(frozen=True)
class Suspicion:
    """What is to be said of n numbers by themselves.

    mass : P of each
    astray : share of that which was put anywhere
    doubted : which stands for something else
    meant : (n, factors) what was meant if a factor is to blame
    scaled : (n, factors) P of that and the factor
    slot : (n, factors) of what was meant
    """

    mass: Float64[np.ndarray, " n"]
    astray: Float64[np.ndarray, " n"]
    doubted: Float64[np.ndarray, " n"]
    meant: Float64[np.ndarray, "n k"]
    scaled: Float64[np.ndarray, "n k"]
    slot: Int64[np.ndarray, "n k"]

    @classmethod
    def of(cls, column: Quantities, x: Numbers) -> "Suspicion":
        """Look at numbers in their own unit."""
        density, faults = column.density, column.faults
        mass = density.mass(x)
        meant, scaled = faults.meant(density, x)
        slot = column.slot_of(column.form.scale.prepare(meant.ravel())).reshape(meant.shape)
        astray = np.full(len(x), faults.astray * density.anywhere())
        return cls(mass, astray, faults.doubted(density, x) * mass, meant, scaled, slot)

    def __getitem__(self, rows: Any) -> "Suspicion":
        return Suspicion(*(array[rows] for array in vars(self).values()))


@dataclass(frozen=True)
class ReadQuantities:
    r"""Cells of a column of numbers.

    With r_s the probability (1 - delta) p_s + delta m_s of slot s given the other cells of the row, over its share m_s,
    delta being `MISLED`, averaged with those of the slots beside it where few cells tell it, and r(x) its geometric
    mean between the typical values on either side of x, a number x has

    wrong: W = eps/2 P(x) + astray + doubted + \sum_k pi_k P(x/k) r_{s(x/k)}
    right: max(NEVER P(x) r(x), P(x) r(x) - W')

    where W' is W without the first term and with r = 1, since P counts wrong numbers as well.

    slot : (n,) of each cell, -1 for a missing one and for what is no number
    number : (n,) in the column's own scale
    sides, nearness : (2, n) the slots on either side of it, (n,) and how near it is to the second
    codes : (n,) row of ``near`` for what is no number, -1 for all others
    near : the frequent numbers that such a text reads like
    alone : what is to be said of each cell by itself
    """

    column: Quantities
    slot: Int64[np.ndarray, " n"]
    number: Float64[np.ndarray, " n"]
    sides: Int64[np.ndarray, "2 n"]
    nearness: Float64[np.ndarray, " n"]
    codes: Int64[np.ndarray, " n"]
    near: Nearest
    alone: Suspicion

    @property
    def held(self) -> Bool[np.ndarray, " n"]:
        """(n,) whether there is a number."""
        return self.slot >= 0

    @property
    def shown(self) -> Int64[np.ndarray, " n"]:
        """(n,) the slot of a frequent value; all others share one, so that only their number tells them apart.

        What follows from a number is smooth. A network that may look at every interval by itself also learns faults
        that were made in one interval only.
        """
        return np.minimum(self.slot, len(self.column.atoms))

    @property
    def value(self) -> Float64[np.ndarray, " n"]:
        """(n,) the number, within `FARTHEST_VALUE`; 0 where there is none."""
        return np.where(self.slot >= 0, np.clip(self.number, -FARTHEST_VALUE, FARTHEST_VALUE), 0.0)

    @property
    def strange(self) -> Float64[np.ndarray, " n"]:
        """(n,) probability that a number is wrong, by itself."""
        alone = self.alone
        wrong = alone.astray + alone.doubted + alone.scaled.sum(1)
        return np.where(self.slot >= 0, np.minimum(1.0, wrong / alone.mass), 0.0)

    def judge(self, p: Float64[np.ndarray, "m k"], rows: Int64[np.ndarray, " m"]) -> Verdict:
        """Weigh each number as it stands against how a wrong one may have come about, for some of the rows."""
        slot, at, alone = self.slot[rows], np.arange(len(rows)), self.alone[rows]
        p = (1 - MISLED) * p + MISLED * self.column.share
        lift = p / self.column.share @ self.column.beside
        scaled = alone.scaled * lift[at[:, None], alone.slot]
        by_itself = alone.astray + alone.doubted
        usual = alone.mass * self._lifted(lift, rows)
        right = np.maximum(usual - by_itself - alone.scaled.sum(1), NEVER * usual)
        weight = DIRTY / 2 * alone.mass + by_itself + scaled.sum(1)
        total = right + weight
        wrong = np.where(slot >= 0, weight / total, 1.0)
        wrong = np.where((slot < 0) & (self.codes[rows] < 0), self.column.missing, wrong)
        choice = self._meant(p, self.codes[rows])
        number = np.full(len(rows), np.nan)
        if scaled.shape[1]:
            best = scaled.argmax(1)
            to_blame = (slot >= 0) & (scaled[at, best] > weight / 2)
            number = np.where(to_blame, alone.meant[at, best], np.nan)
            choice = np.where(to_blame, alone.slot[at, best], choice)
        by_row = self.column.of_few_values & (self.codes[rows] < 0) & np.isnan(number)
        support = wrong * np.where(by_row, p[at, choice], 1.0)
        evidence = np.where(slot >= 0, np.log(total), 0.0)
        return Verdict(wrong, choice, np.where(choice != slot, support, 0.0), number, evidence)

    def _lifted(self, lift: Float64[np.ndarray, "m k"], rows: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """r(x)."""
        low, high = lift[np.arange(len(rows)), self.sides[:, rows]]
        nearness = self.nearness[rows]
        return np.asarray(low ** (1 - nearness) * high**nearness)

    def _meant(self, p: Float64[np.ndarray, "m k"], codes: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, " m"]:
        """The frequent number that a text reads like; else the value in over half of the cases, or the middle one."""
        order = np.argsort(self.column.typical, kind="stable")
        middle = order[np.minimum((np.cumsum(p[:, order], 1) < 0.5).sum(1), len(order) - 1)]
        likely = np.where(p.max(1) > 0.5, p.argmax(1), middle)
        near = self.near.slot[codes]
        spelt = np.exp(self.near.log_likelihood[codes]) * np.take_along_axis(p, np.maximum(near, 0), 1)
        misspelt = (codes >= 0) & (spelt.max(1) > 0)
        return np.where(misspelt, near[np.arange(len(near)), spelt.argmax(1)], likely)


def in_own_unit(form: Numeric | Date, cells: Any) -> Numbers:
    """The numbers of a column as they are, seconds of its dates; NaN where missing."""
    if isinstance(form, Numeric):
        return numbers(form.name, cells)
    return floats(microseconds(form.name, cells)) / 1e6


def understood(cells: Any, kind: str) -> Any:
    """The cells that are numbers or dates, null for all others."""
    if not is_text(cells.type):
        return cells
    return pc.if_else(pc.match_substring_regex(trimmed(cells), FORMS[kind]), cells, pa.scalar(None, cells.type))


def slots_of(
    v: Float64[np.ndarray, " n"], atoms: Float64[np.ndarray, " a"], edges: Float64[np.ndarray, " e"]
) -> Int64[np.ndarray, " n"]:
    """The slot of each number: that of its atom, or of its interval.

    >>> slots_of(np.array([0.0, 0.2, 9.0]), atoms=np.array([0.0]), edges=np.array([-1.0, 1.0])).tolist()
    [0, 2, 3]
    """
    interval = len(atoms) + np.searchsorted(edges, v, side="right")
    if len(atoms) == 0:
        return interval
    right = np.minimum(np.searchsorted(atoms, v), len(atoms) - 1)
    return np.where(atoms[right] == v, right, interval)


def frequent(
    values: Float64[np.ndarray, " u"], counts: Int64[np.ndarray, " u"], most: int
) -> Float64[np.ndarray, " a"]:
    """Values frequent enough for a slot of their own."""
    enough = np.flatnonzero(counts >= max(FEWEST_CELLS, ATOM_SHARE * counts.sum()))
    kept = enough[np.argsort(-counts[enough], kind="stable")][: min(2 * most, MOST_ATOMS)]
    return np.sort(values[kept])


def interval_edges(v: Float64[np.ndarray, " n"], most: int) -> Float64[np.ndarray, " e"]:
    """Quantiles between the tails, the smallest value, and just above the largest one."""
    if len(v) == 0:
        return np.zeros(1)
    n_intervals = int(np.clip(len(v) // CELLS_PER_INTERVAL, min(FEWEST_INTERVALS, most), most))
    bulk = np.quantile(v, np.linspace(TAIL, 1 - TAIL, n_intervals + 1), method="inverted_cdf")
    return np.unique(np.concatenate([[v.min()], bulk, [np.nextafter(v.max(), np.inf)]]))


def middle_values(
    slots: Int64[np.ndarray, " u"], counts: Int64[np.ndarray, " u"], n_slots: int
) -> Int64[np.ndarray, " slots"]:
    """For each slot the row of the median of its values; where it has none, that of a slot beside it.

    >>> middle_values(np.array([0, 2, 2]), np.array([1, 1, 5]), 4).tolist()
    [0, 0, 2, 2]
    """
    held = np.unique(slots)
    rows = [np.flatnonzero(slots == slot) for slot in held]
    middle = np.array([row[np.searchsorted(np.cumsum(counts[row]), counts[row].sum() / 2)] for row in rows])
    return middle[np.maximum(np.searchsorted(held, np.arange(n_slots), side="right") - 1, 0)]
