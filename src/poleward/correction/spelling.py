"""How texts are misspelt: which known values one may have been meant for, and how a column's values usually read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from rapidfuzz import process
from rapidfuzz.distance import OSA

LONGEST = 64
"""Letters of a text that the trigram model reads."""

LETTERS = 40
"""Different letters that an edit may put in; only its order of magnitude matters."""

NEAREST = 8
"""Known values that a text is compared with in full."""

FARTHEST = 0.4
"""Share of a text's letters that may be wrong: beyond it, nothing tells what was meant."""

DISTANCES_AT_A_TIME = 4_000_000

Texts = Sequence[str]


@dataclass(frozen=True)
class Nearest:
    """For each of u texts, the known values that it may be a misspelling of, the nearest first.

    slot : (u, NEAREST) of the known value, -1 where there is none
    log_likelihood : (u, NEAREST) ln p(text | known value), -inf where there is none
    """

    slot: Int64[np.ndarray, "u c"]
    log_likelihood: Float64[np.ndarray, "u c"]


def log_misspelling(edits: Any, length: Any) -> Any:
    r"""ln of the probability of one misspelling with k edits of a text of L letters, one of (2 (L + 1) A)^k.

    >>> round(float(log_misspelling(1, 4)), 3)
    -5.991
    """
    return -edits * np.log(2.0 * (length + 1) * LETTERS)


def nearest(texts: Texts, known: Texts) -> Nearest:
    """Compare texts with known values by optimal string alignment (insert, delete, replace, swap two neighbours).

    >>> nearest(["birminghxm"], ["birmingham", "dothan"]).slot[0, :2].tolist()
    [0, -1]
    """
    slots = np.full((len(texts), NEAREST), -1, np.int64)
    logs = np.full((len(texts), NEAREST), -np.inf)
    lengths = np.array([len(value) for value in known], np.float64)
    step = max(1, DISTANCES_AT_A_TIME // max(1, len(known)))
    for start in range(0, len(texts) if known else 0, step):
        piece = texts[start : start + step]
        edits = process.cdist(piece, known, scorer=OSA.distance, dtype=np.int32).astype(np.float64)
        longest = np.maximum(lengths, np.array([len(text) for text in piece])[:, None])
        near = (edits > 0) & (edits <= np.maximum(1, FARTHEST * longest))
        log = np.where(near, log_misspelling(edits, lengths), -np.inf)
        order = np.argsort(-log, axis=1, kind="stable")[:, :NEAREST]
        best = np.take_along_axis(log, order, 1)
        slots[start : start + step, : order.shape[1]] = np.where(np.isfinite(best), order, -1)
        logs[start : start + step, : order.shape[1]] = best
    return Nearest(slots, logs)


@dataclass(frozen=True)
class Trigrams:
    """How the values of a column read, letter by letter, each given the two before it.

    p(letter | two before) is the count of the three, eked out by p(letter | one before), that by p(letter), and that
    by 1/A for a letter never seen (Witten and Bell 1991): with N(h) letters seen after h, T(h) of them different,

    p(a | h) = (count(h a) + T(h) p(a | shorter h)) / (N(h) + T(h))

    keys : per order 0, 1, 2 the sorted codes of the runs of order + 1 letters
    counts : how often each was seen
    """

    keys: tuple[Int64[np.ndarray, " _"], ...]
    counts: tuple[Float64[np.ndarray, " _"], ...]

    @classmethod
    def of(cls, texts: Texts, weights: Float64[np.ndarray, " u"]) -> "Trigrams":
        """Count the runs of letters in texts, each as often as its weight says."""
        keys, counts = [], []
        letters = padded(texts)
        for order in range(3):
            runs = run_codes(letters, order)
            found, where = np.unique(runs[runs >= 0], return_inverse=True)
            weight = np.broadcast_to(weights[:, None], runs.shape)[runs >= 0]
            keys.append(found)
            counts.append(np.bincount(where, weight, len(found)).astype(np.float64))
        return cls(tuple(keys), tuple(counts))

    def log_probability(self, texts: Texts) -> Float64[np.ndarray, " u"]:
        """ln p of each text as a value of this column."""
        letters = padded(texts)
        p = np.full(letters[:, 2:].shape, 1.0 / LETTERS)
        for order in range(3):
            seen, total, kinds = self._after(letters, order)
            p = (seen + kinds * p) / np.maximum(total + kinds, 1e-300) * (total > 0) + p * (total == 0)
        used = letters[:, 2:] > 0
        return np.where(used, np.log(p), 0.0).sum(1)

    def _after(self, letters: Int64[np.ndarray, "u l"], order: int) -> tuple[Any, Any, Any]:
        """Count of each run, of all runs that begin like it, and of the different ones among these."""
        keys, counts = self.keys[order], self.counts[order]
        runs = run_codes(letters, order)
        heads, where = np.unique(keys >> 21, return_inverse=True)
        totals = np.bincount(where, counts, len(heads))
        kinds = np.bincount(where, minlength=len(heads)).astype(np.float64)
        return looked_up(runs, keys, counts), *(looked_up(runs >> 21, heads, found) for found in (totals, kinds))

    def to_arrays(self) -> dict[str, Any]:
        """What was counted, as arrays."""
        named = {"keys": self.keys, "counts": self.counts}
        return {f"{name}{order}": array for name, arrays in named.items() for order, array in enumerate(arrays)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> "Trigrams":
        """Rebuild the model."""
        return cls(*(tuple(arrays[f"{name}{order}"] for order in range(3)) for name in ("keys", "counts")))


def padded(texts: Texts) -> Int64[np.ndarray, "u l"]:
    """Code points of each text between two marks before (1) and one behind (2), then 0."""
    cut = [f"\x01\x01{text[:LONGEST]}\x02".replace("\x00", " ") for text in texts]
    width = max((len(text) for text in cut), default=3)
    return np.array(cut, f"U{width}").view(np.uint32).reshape(len(cut), width).astype(np.int64)


def run_codes(letters: Int64[np.ndarray, "u l"], order: int) -> Int64[np.ndarray, "u m"]:
    """One number for each run of order + 1 letters that ends at a letter; -1 beyond the text's end."""
    width = letters.shape[1]
    code = np.zeros((len(letters), width - 2), np.int64)
    for back in range(order, -1, -1):
        code = (code << 21) | letters[:, 2 - back : width - back]
    return np.where(letters[:, 2:] > 0, code, -1)


def looked_up(wanted: Any, keys: Any, values: Any) -> Any:
    """The value of each wanted key, 0 for one that is not there."""
    if len(keys) == 0:
        return np.zeros(wanted.shape)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0.0)
