"""The samples given to `fit`, as a fitted classifier remembers them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Memory:
    """One entry per sample, in the order of the data given to `fit`.

    ids : n names
    prints : (n,) content fingerprints
    labels : (n,) number of the class
    trained : (n,) whether the network has seen it; the others calibrate
    features : (n, f) float32 of the network
    earlier : (n, e) float32 of an earlier layer
    sketches : (n, s) float32, see `data.sketch`
    """

    ids: tuple[str, ...]
    prints: NDArray[np.uint64]
    labels: NDArray[np.int64]
    trained: NDArray[np.bool_]
    features: NDArray[np.float32]
    earlier: NDArray[np.float32]
    sketches: NDArray[np.float32]

    def aside(self, fused: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows kept aside that show a fusion its scales, a random quarter or none where that is too few, and the rest.

        The rest calibrates: a score must not have seen the samples that its p-values come from.
        """
        rows = np.flatnonzero(~self.trained)
        n = len(rows) // 4 if fused and len(rows) >= 4 * FEWEST_FOR_SCALE else 0
        shuffled = np.random.default_rng(len(rows)).permutation(rows)
        return np.sort(shuffled[:n]), np.sort(shuffled[n:])

    @cached_property
    def known_prints(self) -> NDArray[np.uint64]:
        """Sorted, of all."""
        return np.sort(self.prints)

    @cached_property
    def first_rows(self) -> dict[int, int]:
        """Fingerprint -> the first row that has it."""
        rows = range(len(self.prints) - 1, -1, -1)
        return dict(zip(self.prints[::-1].tolist(), rows, strict=True))

    @cached_property
    def _named_rows(self) -> dict[tuple[int, str], int]:
        return {pair: row for row, pair in enumerate(zip(self.prints.tolist(), self.ids, strict=True))}

    def rows_of(self, ids: Sequence[str], prints: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Rows of samples that were given to `fit`: of the same content and name, else of the same content; or -1."""
        found = [
            self._named_rows.get((print_, name), self.first_rows.get(print_, -1))
            for name, print_ in zip(ids, prints.tolist(), strict=True)
        ]
        return np.array(found, np.int64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, for the model folder; the names as the bytes of a JSON list."""
        names = np.frombuffer(json.dumps(self.ids).encode(), np.uint8)
        return {"ids": names} | {field: getattr(self, field) for field in ARRAYS}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> "Memory":
        """Take back what `arrays` gave."""
        return cls(tuple(json.loads(arrays["ids"].tobytes())), *(arrays[field] for field in ARRAYS))


FEWEST_FOR_SCALE = 20

ARRAYS = ("prints", "labels", "trained", "features", "earlier", "sketches")
