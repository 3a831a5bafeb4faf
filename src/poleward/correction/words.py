"""Columns of texts: names, codes and categories, each with the values it is known to take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float64, Int64

from poleward.correction.spelling import LETTERS, Nearest, Trigrams, nearest
from poleward.correction.verdict import DIRTY, TO_BE_RIGHT, Verdict, wrong_if_missing
from poleward.data.columns import as_type, readable

MOST_VALUES = 1000
"""Known values of a column, the most frequent ones."""

FEWEST_CELLS = 2
"""Cells that must hold a text for it to be a known value."""

RARER = 5.0
"""A text this many times rarer than a value that it reads like is suspected of being a misspelling of it."""

SUSPICION = 0.95
"""Probability that it is, where the rest of the row is for that value."""

MISSPELT = 0.5
"""Share of the wrong texts that are misspellings; the others are other values."""


UNKNOWN = 0.1
"""Cells for which a text counts that no other cell holds."""


@dataclass(frozen=True)
class Words:
    """A column of texts.

    known : the values with a slot of their own; in their order, if they have one
    counts : how many training cells held each
    new : share of the training cells that held no known value
    missing : probability that a missing cell should hold a value
    reading : how the values read
    ordered : whether the values have an order
    """

    name: str
    known: tuple[str, ...]
    counts: Float64[np.ndarray, " k"]
    new: float
    missing: float
    reading: Trigrams
    ordered: bool

    kind = "words"
    caution = TO_BE_RIGHT

    @classmethod
    def fit(cls, name: str, column: Any, order: Sequence[str] = ()) -> "Words":
        """Learn the values of a column, at least one of its cells observed; those in an order, if one is given."""
        text = texts_of(column)
        counted = pc.value_counts(text.drop_null())
        texts, counts = counted.field("values").to_pylist(), counted.field("counts").to_numpy().astype(np.float64)
        frequent = sorted(range(len(texts)), key=lambda at: (-counts[at], texts[at]))[:MOST_VALUES]
        kept = [at for at in frequent if counts[at] >= FEWEST_CELLS] or frequent[:1]
        if levels := [texts.index(level) for level in order if level in texts]:
            kept = levels
        known, total = tuple(texts[at] for at in kept), counts.sum()
        new = (total - counts[kept].sum() + 1) / (total + 2)
        missing = wrong_if_missing(text.null_count / len(text), len(known))
        suspected = (plausible(nearest(texts, known), counts, counts[kept]).slot >= 0).any(1)
        reading = Trigrams.of(texts, np.where(suspected, 0.0, np.log1p(counts)))
        return cls(name, known, counts[kept], float(new), missing, reading, bool(levels))

    @property
    def ranks(self) -> Float64[np.ndarray, " k"]:
        """The place of each value in their order, with mean 0 and variance 1 over the cells; NaN without an order."""
        place, share = np.arange(float(len(self.known))), self.counts / self.counts.sum()
        distance = place - share @ place
        return distance / np.sqrt(max(share @ distance**2, DIRTY)) if self.ordered else np.full(len(place), np.nan)

    @property
    def alone(self) -> Bool[np.ndarray, " k"]:
        """What the row says of a value it says of that value by itself, unless they have an order."""
        return np.full(len(self.known), not self.ordered)

    @property
    def n_slots(self) -> int:
        """One for each known value."""
        return len(self.known)

    def read(self, column: Any) -> "ReadWords":
        """Look up the cells, and compare each distinct text with the known values that it may have been meant for."""
        encoded = texts_of(column).dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        texts = encoded.dictionary.to_pylist() or [""]
        slots = {text: slot for slot, text in enumerate(self.known)}
        own = np.array([slots.get(text, -1) for text in texts], np.int64)
        near = plausible(nearest(texts, self.known), np.where(own >= 0, self.counts[own], 0.0), self.counts)
        log_any = -np.log(LETTERS) * np.array([len(text) for text in texts], np.float64)
        return ReadWords(self, codes, own, near, self.reading.log_probability(texts), log_any)

    def write(self, choice: Int64[np.ndarray, " m"], number: Any, type: pa.DataType) -> Any:  # noqa: A002
        """The known values of slots, in the type of the source."""
        return as_type(pa.array(self.known, pa.large_string()).take(pa.array(choice)), type)

    def likely(self, column: Any) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
        """P of the cells of some column as values of this one, right ones and all: by how often others hold them."""
        slot: Any = pc.index_in(texts_of(column), value_set=pa.array(self.known, pa.large_string()))
        counts = np.append(self.counts - 1, 0.0)[slot.fill_null(len(self.known)).to_numpy()]
        p = np.maximum(counts, UNKNOWN) / self.counts.sum()
        return p, p

    def to_manifest(self) -> dict[str, Any]:
        """What was learned, as plain values."""
        return {
            "kind": self.kind,
            "name": self.name,
            "known": list(self.known),
            "new": self.new,
            "missing": self.missing,
            "ordered": self.ordered,
        }

    def to_arrays(self) -> dict[str, Any]:
        """What was learned, as arrays."""
        return {"counts": self.counts, **self.reading.to_arrays()}

    @classmethod
    def restore(cls, type: pa.DataType, facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> "Words":  # noqa: A002
        """Rebuild the column."""
        learned = {name: facts[name] for name in ("name", "new", "missing")}
        ordered = facts.get("ordered", False)  # models of older versions know no order
        reading = Trigrams.from_arrays(arrays)
        return cls(known=tuple(facts["known"]), counts=arrays["counts"], reading=reading, ordered=ordered, **learned)


@dataclass(frozen=True)
class ReadWords:
    r"""Cells of a column of texts, u of them distinct.

    A cell with text o is judged by Bayes' rule. With p the probabilities of the column's values given the other cells
    of the row, eps = `DIRTY`, alpha = `MISSPELT`, nu the share of new values, q the column's trigrams, A letters:

    right: (1 - eps) (1 - nu) p_o for a known value, (1 - eps) nu q(o) for a new one
    t meant, another value put: eps (1 - alpha) p_t / K for a known o, eps (1 - alpha) p_t A^-length for a new one
    t meant, misspelt: eps alpha p_t p(o | t)

    and where o reads like a far more frequent t, SUSPICION p_o p_t is taken to be misspelt as well.

    codes : (n,) row of each cell in what follows, -1 for a missing one
    own : (u,) slot, -1 for a text that is not known
    near : the known values it may be a misspelling of
    log_new, log_any : (u,) ln q(o), ln A^-length
    """

    column: Words
    codes: Int64[np.ndarray, " n"]
    own: Int64[np.ndarray, " u"]
    near: Nearest
    log_new: Float64[np.ndarray, " u"]
    log_any: Float64[np.ndarray, " u"]

    @property
    def slot(self) -> Int64[np.ndarray, " n"]:
        """(n,) slot of each cell, -1 for none."""
        return np.where(self.codes >= 0, self.own[self.codes], -1)

    @property
    def held(self) -> Bool[np.ndarray, " n"]:
        """(n,) whether there is a text."""
        return self.codes >= 0

    @property
    def shown(self) -> Int64[np.ndarray, " n"]:
        """(n,) the same, but for a text most likely misspelt the slot that was meant, by frequency."""
        share = np.log(self.column.counts / self.column.counts.sum())
        log = np.where(self.near.slot >= 0, share[self.near.slot] + self.near.log_likelihood, -np.inf)
        best = self.near.slot[np.arange(len(log)), log.argmax(1)]
        misspelt = np.log(DIRTY * MISSPELT) + log.max(1) > np.log(self.column.new) + self.log_new
        return np.where(self.codes >= 0, np.where((self.own < 0) & misspelt, best, self.own)[self.codes], -1)

    @property
    def value(self) -> Float64[np.ndarray, " n"]:
        """The rank, if the values have an order; else no text is a number."""
        return (
            np.where(self.shown >= 0, self.column.ranks[self.shown], 0.0) if self.column.ordered else 0.0 * self.codes
        )

    @property
    def strange(self) -> Float64[np.ndarray, " n"]:
        """(n,) by itself no text is known to be wrong."""
        return np.zeros(len(self.codes))

    def judge(self, p: Float64[np.ndarray, "m k"], rows: Int64[np.ndarray, " m"]) -> Verdict:
        """Weigh the value as it stands against every other that may have been meant, for some of the rows."""
        codes, at = self.codes[rows], np.arange(len(rows))
        right, meant = self._right(p, codes), self._meant(p, codes)
        choice = meant.argmax(1)
        total = np.maximum(right + meant.sum(1), np.finfo(float).tiny)
        wrong, support = meant.sum(1) / total, meant[at, choice] / total
        missing = codes < 0
        choice = np.where(missing, p.argmax(1), choice)
        support = np.where(missing, self.column.missing * p[at, choice], support)
        wrong = np.where(missing, self.column.missing, wrong)
        evidence = np.where(missing, 0.0, np.log(total) + self._scale[codes])
        return Verdict(wrong, choice, support, np.full(len(rows), np.nan), evidence)

    def _right(self, p: Float64[np.ndarray, "m k"], codes: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """Weight of the value as it stands; a new one's over its larger of q(o) and A^-length, to stay finite."""
        own = self.own[codes]
        known = (1 - self.column.new) * p[np.arange(len(codes)), own] * (1 - SUSPICION * self._suspected[codes])
        return (1 - DIRTY) * np.where(own >= 0, known, self.column.new * self._weight_new[codes])

    def _meant(self, p: Float64[np.ndarray, "m k"], codes: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, "m k"]:
        """Weight of every other value, over the same."""
        own, near, at = self.own[codes], self.near.slot[codes], np.arange(len(codes))[:, None]
        put = np.where(own >= 0, 1 / self.column.n_slots, self._weight_any[codes])
        meant = DIRTY * (1 - MISSPELT) * p * put[:, None]
        meant[at[own >= 0, 0], own[own >= 0]] = 0.0
        spelt = DIRTY * MISSPELT * self._weight_spelt[codes]
        suspected = SUSPICION * self._suspected[codes] * p[at[:, 0], own]
        spelt += np.where(near >= 0, suspected[:, None], 0.0)
        np.add.at(meant, (at, np.maximum(near, 0)), spelt * np.take_along_axis(p, np.maximum(near, 0), 1))
        return meant

    @cached_property
    def _suspected(self) -> Float64[np.ndarray, " u"]:
        return ((self.own >= 0) & (self.near.slot[:, 0] >= 0)).astype(np.float64)

    @cached_property
    def _scale(self) -> Float64[np.ndarray, " u"]:
        return np.where(self.own >= 0, 0.0, np.maximum(self.log_new, self.log_any))

    @cached_property
    def _weight_new(self) -> Float64[np.ndarray, " u"]:
        return np.exp(np.minimum(self.log_new - self._scale, 0.0))

    @cached_property
    def _weight_any(self) -> Float64[np.ndarray, " u"]:
        return np.exp(np.minimum(self.log_any - self._scale, 0.0))

    @cached_property
    def _weight_spelt(self) -> Float64[np.ndarray, "u c"]:
        return np.exp(self.near.log_likelihood - self._scale[:, None])


def plausible(near: Nearest, counts: Float64[np.ndarray, " u"], known: Float64[np.ndarray, " k"]) -> Nearest:
    """Of the known values that texts read like, only those far more frequent than the text itself."""
    likely = (near.slot >= 0) & (known[near.slot] >= RARER * counts[:, None])
    order = np.argsort(~likely, axis=1, kind="stable")
    slot, log = np.where(likely, near.slot, -1), np.where(likely, near.log_likelihood, -np.inf)
    return Nearest(np.take_along_axis(slot, order, 1), np.take_along_axis(log, order, 1))


def texts_of(column: Any) -> Any:
    """The cells of a column as texts, null where missing."""
    return readable(column).cast(pa.large_string())
