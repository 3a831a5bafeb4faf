"""Whether an exported model scores as the one that it comes from, on rows that are kept with it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.detector.encoding import CHUNK
from poleward.detector.graph import Graph
from poleward.detector.model import Model
from poleward.errors import OutputError
from poleward.records import Features

TOLERANCE = 1e-5
"""Of |exported - original| / max(1, |original|): absolute for scores up to 1, relative beyond."""

CHUNKS = 2
"""Made samples, half of them ordinary, in chunks of the network."""

ODDITY = 3.0
"""Standard deviations of the noise that makes the other half odd, in prepared units."""


@dataclass(frozen=True)
class Agreement:
    """Prepared samples with their scores from the original, and how far the exported model is from these."""

    features: Features
    scores: NDArray[np.float64]
    farthest: float

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The samples and scores, for the folder."""
        found = {"agreement.values": self.features.values, "agreement.scores": self.scores}
        return found if self.features.observed is None else found | {"agreement.observed": self.features.observed}


def made_samples(model: Model, seed: int = 0) -> Features:
    """Prepared samples drawn from the latent island, every other one with noise; some cells are missing where the
    network knows of missing cells."""
    rng = np.random.default_rng(seed)
    features = model.preparation.encode(model.sample(CHUNKS * CHUNK[model.kind], seed))
    values = features.values.copy()
    values[1::2] += ODDITY * rng.standard_normal(values[1::2].shape)
    if not model.preparation.has_missing:
        return Features(values, features.observed)
    observed = rng.random(values.shape) > 0.1
    observed.reshape(len(values), -1)[:, 0] = True
    return Features(np.where(observed, values, 0).astype(values.dtype), observed)


def agreement(model: Model, graph: Graph, features: Features) -> Agreement:
    """Compare the two networks' scores.

    Errors
    ------
    OutputError when any score differs by more than ``TOLERANCE``, naming the farthest.
    """
    original = model.ranker.scores(features)
    exported = replace(model.ranker, network=graph, device="cpu").scores(features)
    distance = np.abs(exported - original) / np.maximum(1, np.abs(original))
    distance[exported == original] = 0  # both infinite
    farthest = float(np.max(distance, initial=0))
    if not farthest <= TOLERANCE:
        row = int(np.argmax(np.where(np.isnan(distance), np.inf, distance)))
        raise OutputError(
            f"the exported model does not score as the original: reference sample {row} has {exported[row]:.9g} for"
            f" {original[row]:.9g}, {distance[row]:.3g} apart where {TOLERANCE:g} is accepted; nothing was written"
        )
    return Agreement(features, original, farthest)
