"""A fitted detector: preparation, autoencoder, scorer and calibration, and what can be asked of them together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from poleward.calibration.conformal import Conformal
from poleward.data.fingerprint import fingerprints
from poleward.data.preparation import Preparation
from poleward.detector.encoding import CHUNK, padded_chunks
from poleward.detector.island import Island
from poleward.detector.ranker import Ranker, member
from poleward.detector.rows import prepared_runs
from poleward.detector.settings import Settings
from poleward.errors import SchemaError
from poleward.records import Features, Ranking


@dataclass
class Model:
    """Everything that fitting learned.

    calibration_prints : sorted content fingerprints of the samples kept aside for calibration
    limits : (2, columns or bands) lowest and highest prepared values in training; what is decoded stays between them
    threshold : a sample is an anomaly when its score is above this
    history : training curves, one value per epoch
    facts : what the data were, plain JSON values
    """

    settings: Settings
    preparation: Preparation
    ranker: Ranker
    conformal: Conformal
    calibration_prints: NDArray[np.uint64]
    limits: NDArray[np.float64]
    island: Island
    threshold: float
    history: dict[str, list[float]]
    facts: dict[str, Any]

    @property
    def kind(self) -> str:
        """The kind of data, "images" or "table"."""
        return self.ranker.kind

    def scores(self, data: Any) -> NDArray[np.float64]:
        """Scores (n,) of raw samples, higher is more anomalous."""
        parts = [self.ranker.scores(features) for features in prepared_runs(self.preparation, data)]
        return np.concatenate([np.empty(0), *parts])

    def rank(self, data: Any, ids: Sequence[str], alpha: float | None = None) -> Ranking:
        """Scores, p-values and decisions of raw samples, in their order.

        alpha : level of ``is_anomaly``; None for the model's own threshold
        """
        scores, known = [np.empty(0)], [np.empty(0, bool)]
        for features in prepared_runs(self.preparation, data):
            prints = fingerprints(features)
            scores.append(self.ranker.scores(features, prints))
            known.append(member(prints, self.ranker.trained_prints) | member(prints, self.calibration_prints))
        score = np.concatenate(scores)
        threshold = self.threshold if alpha is None else self.conformal.threshold(alpha)
        return Ranking(ids, score, self.conformal.p_values(score), score > threshold, np.concatenate(known))

    def codes(self, data: Any) -> NDArray[np.floating[Any]]:
        """Posterior means (n, k) of raw samples."""
        features = self.preparation.encode(data)
        return np.asarray(self.ranker.encode(features.__getitem__, len(features), frozenset({"means"})).means)

    def reconstructions(self, data: Any) -> tuple[Features, NDArray[np.floating[Any]]]:
        """Prepared samples and what the model expects in their place (n, *shape), in prepared units."""
        features = self.preparation.encode(data)
        encoded = self.ranker.encode(features.__getitem__, len(features), frozenset({"reconstructions"}))
        return features, np.asarray(encoded.reconstructions).reshape(features.values.shape)

    def decode(self, codes: NDArray[np.floating[Any]]) -> Any:
        """Raw samples expected of codes (n, k), within the limits of the training data."""
        autoencoder = self.ranker.autoencoder
        if codes.ndim != 2 or codes.shape[1] != autoencoder.n_latent:
            raise SchemaError(f"codes have shape {codes.shape}; this model's have shape (n, {autoencoder.n_latent})")
        dtype = next(autoencoder.parameters()).dtype
        parts = []
        with torch.no_grad():
            for rows, count in padded_chunks(len(codes), CHUNK[self.kind]):
                z = autoencoder.place(torch.as_tensor(codes[rows], dtype=dtype).to(self.ranker.device))
                parts.append(autoencoder.reconstruct(z)[:count].cpu().numpy())
        return self.restore(np.concatenate(parts))

    def restore(self, values: NDArray[np.floating[Any]]) -> Any:
        """Raw samples of prepared values (n, *shape), kept within the limits of the training data."""
        low, high = (limit.reshape(-1, *[1] * (values.ndim - 2)) for limit in self.limits)
        return self.preparation.decode(np.clip(values, low, high))

    def sample(self, n: int, seed: int) -> Any:
        """n new raw samples, decoded from codes of the latent island."""
        return self.decode(self.island.draw(n, seed))

    def warnings(self) -> list[str]:
        """What a user should know before trusting the ranking, in sentences."""
        said = []
        dead, k = self.facts["n_latent_dead"], self.facts["n_latent"]
        if dead:
            said.append(f"{dead} of {k} latent dimensions are the same for every sample; a smaller n_latent would do")
        alpha, m = self.settings.alpha, self.facts["n_calibration"]
        if self.conformal.level(alpha) > alpha:
            said.append(
                f"{m} calibration samples cannot show a level of {alpha:g}: the lowest p-value is"
                f" {self.conformal.smallest_level:.3g},"
                f" and that is the level used; {round(1 / alpha) - 1:,} would be needed"
            )
        return said
