"""Prepared samples to train on and to score, by their rows: in memory while they are few, else from the disc."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.data.fingerprint import fingerprints
from poleward.data.preparation import Preparation
from poleward.data.spool import Spool
from poleward.detector.ranker import Ranker
from poleward.detector.raw import MOST_ROWS, Held, Raw
from poleward.detector.rows import SAMPLES_AT_A_TIME, prepared_pieces, require_content
from poleward.records import Features

Load = Callable[[NDArray[np.int64]], Features]


@dataclass(frozen=True)
class Samples:
    """All samples under their preparation; a table's are prepared once, images' as they are asked for.

    prints : (n,) fingerprints
    load : rows -> their prepared samples
    """

    preparation: Preparation
    prints: NDArray[np.uint64]
    load: Load

    @classmethod
    def of(cls, preparation: Preparation, data: Any) -> "Samples":
        """Go through all samples once; data that are not `Raw` lie in memory."""
        raw = data if isinstance(data, Raw) else Held(preparation.kind, data)
        if preparation.kind == "images":
            return cls(preparation, _prints(preparation, raw), lambda rows: preparation.encode(raw.take(rows)))
        if isinstance(raw, Held) and len(raw) <= MOST_ROWS:
            features = preparation.encode(raw.data)
            require_content(features, before=0)
            return cls(preparation, fingerprints(features), features.__getitem__)
        return _spooled(preparation, raw)

    def loader(self, among: NDArray[np.int64]) -> Load:
        """A function like `load` that counts rows among the given ones."""
        return lambda rows: self.load(among[rows])

    def scores(self, ranker: Ranker, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Scores of the given rows."""
        size = SAMPLES_AT_A_TIME[ranker.kind]
        some = [rows[start : start + size] for start in range(0, len(rows), size)]
        return np.concatenate([ranker.scores(self.load(part), self.prints[part]) for part in some])


class SpooledFeatures:
    """Prepared rows of a table in a file, and in another one, where any cell was missing, which ones were.

    shape : of one prepared row
    expected : rows that will come
    """

    def __init__(self, shape: tuple[int, ...], expected: int) -> None:
        self.values = Spool(shape, np.float64, expected)
        self.missing: Spool | None = None

    def append(self, features: Features) -> None:
        """Add rows at the end."""
        if features.observed is not None:
            if self.missing is None:
                self.missing = Spool(self.values.shape, bool)
                self.missing.extend(len(self.values))
            self.missing.append(~features.observed)
        elif self.missing is not None:
            self.missing.extend(len(features))
        self.values.append(features.values)

    def __getitem__(self, rows: NDArray[np.int64]) -> Features:
        """Rows in the order asked for."""
        return Features(self.values[rows], None if self.missing is None else ~self.missing[rows])


def _prints(preparation: Preparation, raw: Raw) -> NDArray[np.uint64]:
    return np.concatenate([fingerprints(features) for features in prepared_pieces(preparation, raw.pieces())])


def _spooled(preparation: Preparation, raw: Raw) -> Samples:
    spooled, prints, done = SpooledFeatures(preparation.shape, len(raw)), np.empty(len(raw), np.uint64), 0
    for features in prepared_pieces(preparation, raw.pieces()):
        spooled.append(features)
        prints[done : done + len(features)] = fingerprints(features)
        done += len(features)
    return Samples(preparation, prints, spooled.__getitem__)
