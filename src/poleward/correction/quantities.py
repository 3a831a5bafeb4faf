"""Columns of numbers and dates: a histogram over frequent values and intervals between quantiles."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float64, Int64

from poleward.correction.spelling import Nearest, nearest
from poleward.correction.verdict import DIRTY, FARTHEST_VALUE, Verdict, wrong_if_missing
from poleward.data.columns import Date, Numeric, as_type, is_text, known, readable, trimmed

FORMS = {
    "numeric": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$",
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?$",
}
"""How numbers and dates are written."""

READERS: Mapping[str, type[Numeric] | type[Date]] = {"numeric": Numeric, "date": Date}

MOST_ATOMS = 64
ATOM_SHARE = 0.005
FEWEST_CELLS = 3
"""A value that at least 3 cells and 0.5 % of them hold has a slot of its own."""

CELLS_PER_INTERVAL = 50
MOST_INTERVALS = 32
FEWEST_INTERVALS = 4

DOUBT = 0.9
APART, FEW, SEVERAL, CONSTANT = 0.2, 0.1, 10, 0.5
"""Doubted is a group of fewer than a tenth of the cells, beyond a gap of a fifth of the range of at least 10 others.

But not in a column in which one value holds half of the cells, since nothing but that value is usual there.
"""

TAIL = 0.01
"""Share of the cells beyond the outermost quantile, on either side."""


@dataclass(frozen=True)
class Quantities:
    """A column of numbers or dates; its slots are the atoms, the intervals, and what lies below and above them.

    form : reads and writes the values, and knows their scale
    atoms : frequent values, rising
    edges : of the intervals that hold all others, rising
    typical : of every slot, one of the values that the training cells held
    spelt : the typical values as the source writes them, for a column of texts
    dirt : how likely a wrong value lies in each slot
    doubt : probability that the values of a slot are all wrong
    missing : probability that a missing cell should hold a value
    """

    name: str
    form: Numeric | Date
    atoms: Float64[np.ndarray, " a"]
    edges: Float64[np.ndarray, " e"]
    typical: Float64[np.ndarray, " slots"]
    spelt: tuple[str, ...]
    dirt: Float64[np.ndarray, " slots"]
    doubt: Float64[np.ndarray, " slots"]
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
        dirt = wrong_values(slots, values, atoms, edges)
        doubt = DOUBT * np.isin(np.arange(n_slots), slots[apart(values, counts)])
        return cls(name, form, atoms, edges, values[middle], spelt, dirt, doubt, missing)

    @property
    def n_slots(self) -> int:
        """How many slots."""
        return len(self.typical)

    def read(self, column: Any) -> "ReadQuantities":
        """Find the slot of each cell; what is no number is compared with the frequent numbers as text."""
        raw = readable(column)
        cells = understood(raw, self.form.kind)
        fine = known(cells)
        v = self.form.encode(cells)[:, 0]
        strange: Any = pc.if_else(pa.array(fine), pa.scalar(None, raw.type), raw).dictionary_encode()
        texts = strange.dictionary.to_pylist() if is_text(raw.type) else []
        codes = strange.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        near = nearest([*texts, ""], self.spelt[: len(self.atoms)])
        return ReadQuantities(self, np.where(fine, slots_of(v, self.atoms, self.edges), -1), v, codes, near)

    def write(self, choice: Int64[np.ndarray, " m"], type: pa.DataType) -> Any:  # noqa: A002
        """The typical values of slots, in the type of the source."""
        if self.spelt:
            return as_type(pa.array(self.spelt, pa.large_string()).take(pa.array(choice)), type)
        return self.form.decode(self.typical[choice][:, None])

    def to_manifest(self) -> dict[str, Any]:
        """What was learned, as plain values."""
        facts = {"form": self.form.to_manifest(), "spelt": list(self.spelt), "missing": self.missing}
        return {"kind": self.kind, "name": self.name, **facts}

    def to_arrays(self) -> dict[str, Any]:
        """What was learned, as arrays."""
        return {
            "atoms": self.atoms,
            "edges": self.edges,
            "typical": self.typical,
            "dirt": self.dirt,
            "doubt": self.doubt,
        }

    @classmethod
    def restore(
        cls,
        type: pa.DataType,  # noqa: A002
        facts: Mapping[str, Any],
        arrays: Mapping[str, Any],
    ) -> "Quantities":
        """Rebuild the column."""
        form = READERS[facts["form"]["kind"]].from_manifest(type, facts["form"])
        learned = {name: arrays[name] for name in ("atoms", "edges", "typical", "dirt", "doubt")}
        return cls(facts["name"], form, spelt=tuple(facts["spelt"]), missing=facts["missing"], **learned)


@dataclass(frozen=True)
class ReadQuantities:
    """Cells of a column of numbers.

    With p the probabilities of the slots given the other cells of the row, eps = `DIRTY` and d the law of wrong
    numbers, a number in slot s is wrong with probability eps d_s / ((1 - eps) p_s + eps d_s); where the values of a
    slot lie apart from all others, the doubt in them takes its share of (1 - eps) p_s as well.

    slot : (n,) of each cell, -1 for a missing one and for what is no number
    number : (n,) in the column's own scale
    codes : (n,) row of ``near`` for what is no number, -1 for all others
    near : the frequent numbers that such a text reads like
    """

    column: Quantities
    slot: Int64[np.ndarray, " n"]
    number: Float64[np.ndarray, " n"]
    codes: Int64[np.ndarray, " n"]
    near: Nearest

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

    def judge(self, p: Float64[np.ndarray, "m k"], rows: Int64[np.ndarray, " m"]) -> Verdict:
        """Weigh each number as it stands against the broad law of wrong ones, for some of the rows."""
        slot, at = self.slot[rows], np.arange(len(rows))
        p_own = np.where(slot >= 0, p[at, slot], 0.0)
        dirt = DIRTY * self.column.dirt[slot]
        clean = (1 - DIRTY) * p_own
        doubted = clean * self.column.doubt[slot]
        wrong = np.where(slot >= 0, (dirt + doubted) / (clean + dirt), 1.0)
        wrong = np.where((slot < 0) & (self.codes[rows] < 0), self.column.missing, wrong)
        choice = self._meant(p, self.codes[rows])
        return Verdict(wrong, choice, np.where(p[at, choice] > p_own, wrong, 0.0))

    def _meant(self, p: Float64[np.ndarray, "m k"], codes: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, " m"]:
        """The frequent number that a text reads like; else the value in over half of the cases, or the middle one."""
        order = np.argsort(self.column.typical, kind="stable")
        middle = order[np.minimum((np.cumsum(p[:, order], 1) < 0.5).sum(1), len(order) - 1)]
        likely = np.where(p.max(1) > 0.5, p.argmax(1), middle)
        near = self.near.slot[codes]
        spelt = np.exp(self.near.log_likelihood[codes]) * np.take_along_axis(p, np.maximum(near, 0), 1)
        misspelt = (codes >= 0) & (spelt.max(1) > 0)
        return np.where(misspelt, near[np.arange(len(near)), spelt.argmax(1)], likely)


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


def apart(values: Float64[np.ndarray, " u"], counts: Int64[np.ndarray, " u"]) -> Bool[np.ndarray, " u"]:
    """Tell which rising values lie in a small group far from all others: a missing number as 0, another unit.

    >>> apart(np.array([0.0, *range(20, 40)]), np.full(21, 4)).nonzero()[0].tolist()
    [0]
    """
    far = np.zeros(len(values), bool)
    for sign in (1, -1) if counts.max() < CONSTANT * counts.sum() else ():
        v, n = values[::sign] * sign, np.cumsum(counts[::sign])[:-1]
        below = np.arange(1, len(v))
        small = (n >= FEWEST_CELLS) & (n < FEW * counts.sum()) & (len(v) - below >= SEVERAL)
        cuts = np.flatnonzero(small & (np.diff(v) > APART * (v[-1] - v[1:])))
        beyond = np.arange(len(v)) <= cuts.max(initial=-1)
        far |= beyond[::sign]
    return far


def wrong_values(
    slots: Int64[np.ndarray, " u"],
    values: Float64[np.ndarray, " u"],
    atoms: Float64[np.ndarray, " a"],
    edges: Float64[np.ndarray, " e"],
) -> Float64[np.ndarray, " slots"]:
    """A wrong number is, in half of the cases, any value of the column, and else any number over its range."""
    n_slots = len(atoms) + len(edges) + 1
    alike = np.bincount(slots, minlength=n_slots) / len(values)
    span = max(values[-1] - values[0], 1.0)
    width = np.concatenate([np.zeros(len(atoms)), [span / 2], np.diff(edges), [span / 2]])
    return 0.5 * alike + 0.5 * width / width.sum()
