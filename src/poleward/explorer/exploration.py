"""One source being looked at: its samples, what people say of them, and the ranking that follows from it."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from poleward.errors import SettingError
from poleward.explorer.collection import Collection
from poleward.explorer.columns import Columns, joined, plain_columns, read_catalogue
from poleward.explorer.labels import LabelLog
from poleward.explorer.listing import Query, select
from poleward.scoring.neighbors import ExactIndex
from poleward.scoring.relevance import Reranking, rerank

OWN = ("id", "rank", "score", "p_value", "is_anomaly", "in_training", "label", "relevance")
"""Columns of the explorer itself; a column of the source with such a name is shown as ``NAME (source)``."""

EXPORTED = ("who", "time")
"""Columns that the exported labels have besides; they are not joined when they come back."""

LISTINGS_KEPT = 16
BORING = ("normal", "artefact")
"""Labels of what nobody needs to see again; every other label says that a sample is of interest."""


@dataclass(frozen=True)
class State:
    """What changes while people work; two tabs that have the same state show the same.

    number : of the newest label; catalogues : how many were joined; reranked_at : label number that relevance rests on
    """

    number: int
    catalogues: int
    reranked_at: int


class Exploration:
    """Everything that the pages ask for; may be asked from several threads.

    Parameters
    ----------
    collection : the samples
    log : what people said of them, perhaps in an earlier run
    who : name for labels of a page that tells none
    """

    def __init__(self, collection: Collection, log: LabelLog, who: str = "unknown") -> None:
        self.collection = collection
        self.log = log
        self.who = who
        self.reranking: Reranking | None = None
        self._reranked_at = 0
        self._lock = threading.RLock()
        self._listings: OrderedDict[tuple[Query, State], NDArray[np.intp]] = OrderedDict()
        self._index = ExactIndex(collection.codes)
        self._fixed = _fixed_columns(collection)
        self._n_joined = 0
        self._columns: tuple[State, Columns] | None = None
        for content in log.kept():
            self._join(content)
        if self.log.labels():
            self.rerank()

    @property
    def state(self) -> State:
        """Where things stand."""
        return State(self.log.number, self._n_joined, self._reranked_at)

    def counts(self) -> dict[str, int]:
        """How many samples have each label."""
        labels = self.columns()["label"]
        return dict(Counter(labels[labels != ""].tolist()))

    def columns(self) -> Columns:
        """All columns as they are now."""
        with self._lock:
            now = self.state
            if self._columns is None or self._columns[0] != now:
                held = self.log.labels()
                labels = np.array([held.get(name, "") for name in self.collection.ranking.id], dtype=object)
                columns = self._fixed | {"label": labels}
                if self.reranking is not None:
                    columns["relevance"] = self.reranking.relevance
                self._columns = now, columns
            return self._columns[1]

    def scores(self) -> dict[str, dict[str, float]]:
        """The scores of every sample, by their name and its id."""
        columns = self.columns()
        names = [name for name in ("score", "p_value", "relevance") if name in columns]
        return {name: dict(zip(self.collection.ranking.id, columns[name].tolist(), strict=True)) for name in names}

    def rows(self, query: Query) -> NDArray[np.intp]:
        """Rows of the samples to show, in order."""
        with self._lock:
            key = (query, self.state)
            if key not in self._listings:
                self._listings[key] = select(self.columns(), query)
                while len(self._listings) > LISTINGS_KEPT:
                    self._listings.popitem(last=False)
            self._listings.move_to_end(key)
            return self._listings[key]

    def neighbours(self, row: int, n: int) -> list[tuple[int, float]]:
        """The (row, distance) of the n samples that lie nearest in the latent space, the nearest first."""
        distances, rows = self._index.search(self.collection.codes[[row]], min(n + 1, len(self.collection)))
        pairs = zip(rows[0].tolist(), distances[0].tolist(), strict=True)
        return [(other, distance) for other, distance in pairs if other != row][:n]

    def label(self, rows: Sequence[int], label: str, who: str) -> None:
        """Label samples; "" takes their label away."""
        self.log.add([(self.collection.ranking.id[row], label) for row in rows], who or self.who)

    def undo(self, who: str) -> list[int]:
        """Take back what a person said last; returns the rows."""
        taken_back = {entry.id for entry in self.log.undo(who or self.who)}
        return [row for row, name in enumerate(self.collection.ranking.id) if name in taken_back]

    def import_csv(self, content: bytes, who: str) -> tuple[int, list[str]]:
        """Take over a csv: its column ``label`` as labels, every other one joined by ``id``.

        Returns how many samples were labelled, and the names of the new columns.
        """
        rows = joined(read_catalogue(content), self.collection.ranking.id)
        found = rows.column("label").to_pylist() if "label" in rows.column_names else []
        pairs = [(name, label) for name, label in zip(self.collection.ranking.id, found, strict=False) if label]
        self.log.add(pairs, who or self.who)
        if _new_columns(rows):
            self.log.keep(content)
            return len(pairs), self._join(content)
        return len(pairs), []

    def rerank(self) -> Reranking:
        """Rank by what was labelled up to now; SettingError when nothing was."""
        with self._lock:
            number, labels = self.log.number, self.columns()["label"]
        rows = np.flatnonzero(labels != "")
        if not len(rows):
            raise SettingError("nothing is labelled yet; label some samples first")
        interesting = ~np.isin(labels[rows], BORING)
        found = rerank(self.collection.codes, self.collection.ranking.score, rows, interesting)
        with self._lock:
            self.reranking, self._reranked_at = found, number
        return found

    def _join(self, content: bytes) -> list[str]:
        """Join the new columns of a catalogue; returns their names."""
        rows = joined(read_catalogue(content), self.collection.ranking.id)
        added = plain_columns(rows.select(_new_columns(rows)))
        with self._lock:
            self._fixed = self._fixed | added
            self._n_joined += 1
        return list(added)


def _fixed_columns(collection: Collection) -> dict[str, NDArray[Any]]:
    """What stays as it is while people label."""
    ranking = collection.ranking
    order = np.argsort(-ranking.score, kind="stable")
    rank = np.empty(len(order))
    rank[order] = np.arange(1, len(order) + 1)
    own = {
        "id": np.array(ranking.id, dtype=object),
        "rank": rank,
        "score": ranking.score,
        "p_value": ranking.p_value,
        "is_anomaly": _yes_or_no(ranking.is_anomaly),
        "in_training": _yes_or_no(ranking.in_training),
    }
    others = {name: cells for name, cells in collection.columns.items() if name != "id"}
    return own | {f"{name} (source)" if name in OWN else name: cells for name, cells in others.items()}


def _yes_or_no(flags: NDArray[np.bool_]) -> NDArray[Any]:
    return np.where(flags, "yes", "no").astype(object)


def _new_columns(rows: pa.Table) -> list[str]:
    return [name for name in rows.column_names if name not in (*OWN, *EXPORTED)]
