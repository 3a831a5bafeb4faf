"""Scores of prepared samples: the trained autoencoder and the fitted scorer, joined."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poleward.data.fingerprint import fingerprints
from poleward.detector.encoding import CHUNK, encode, encode_all, padded_chunks
from poleward.detector.graph import Graph
from poleward.errors import SettingError
from poleward.records import Encoded, Features
from poleward.scoring.scorer import Scorer

if TYPE_CHECKING:
    from poleward.autoencoder.autoencoder import Autoencoder


@dataclass(frozen=True)
class Ranker:
    """What turns a prepared sample into a score.

    network : of an exported model a graph, which encodes and does nothing else
    trained_prints : sorted content fingerprints of the samples in the scorer's index
    """

    kind: str
    network: "Autoencoder | Graph"
    scorer: Scorer
    trained_prints: NDArray[np.uint64]
    device: str

    @property
    def autoencoder(self) -> "Autoencoder":
        """The network, for whatever needs its decoder or its gradients; SettingError for an exported model."""
        if isinstance(self.network, Graph):
            raise SettingError(
                "an exported model only scores; to explain, decode, sample, save or recalibrate, take the model folder"
                " that poleward fit wrote"
            )
        return self.network

    def scores(self, features: Features, prints: NDArray[np.uint64] | None = None) -> NDArray[np.float64]:
        """Scores (n,), higher is more anomalous; a sample that was trained on is not its own neighbour."""
        trained_on = member(fingerprints(features) if prints is None else prints, self.trained_prints)
        scores = np.empty(len(features))
        for rows, count in padded_chunks(len(features), CHUNK[self.kind]):
            encoded = encode(self.network, features[rows], self.scorer.needs, self.device)
            scores[rows[:count]] = self.scorer.score(encoded, trained_on[rows])[:count]
        return scores

    def encode(self, load: Callable[[NDArray[np.int64]], Features], n_samples: int, wanted: frozenset[str]) -> Encoded:
        """The wanted fields for samples 0 .. n - 1, whose features ``load`` gives."""
        return encode_all(self.network, load, n_samples, self.kind, wanted, self.device)


def member(prints: NDArray[np.uint64], stored: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which prints are among the stored, sorted ones.

    >>> member(np.array([1, 5], np.uint64), np.array([5, 7], np.uint64))
    array([False,  True])
    """
    if not len(stored):
        return np.zeros(len(prints), bool)
    at = np.minimum(np.searchsorted(stored, prints), len(stored) - 1)
    return np.asarray(stored[at] == prints)
