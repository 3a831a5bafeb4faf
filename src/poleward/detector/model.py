"""A fitted detector: preparation, autoencoder, scorer and calibration, and what can be asked of them together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from poleward.calibration.conformal import Conformal
from poleward.calibration.discovery import Discoveries
from poleward.calibration.drift import drift
from poleward.correction.constraints import Constraints
from poleward.data.fingerprint import fingerprints
from poleward.data.preparation import Preparation
from poleward.detector.encoding import CHUNK, padded_chunks
from poleward.detector.island import Island
from poleward.detector.ranker import Ranker, member
from poleward.detector.rows import prepared_runs
from poleward.detector.settings import AUTO, Settings
from poleward.detector.summary import names, summary
from poleward.errors import SchemaError, SettingError
from poleward.records import Correction, Drift, Features, Ranking

if TYPE_CHECKING:
    from poleward.detector.correcting import Learned

UNCONSTRAINED = Constraints()

BY_ALPHA, BY_CONTAMINATION, BY_HAND = "alpha", "contamination", "hand"
"""What a threshold came from."""


@dataclass
class Model:
    """Everything that fitting learned.

    calibration_prints : sorted content fingerprints of the samples kept aside for calibration
    seen_prints : the same of samples that the network was trained on and the scorer does not keep
    limits : (2, columns or bands) lowest and highest prepared values in training; what is decoded stays between them
    reference : (at most 1,000, columns or twice the bands) `summary` of calibration samples; (0, ...) where a folder of
        an earlier version held none
    corrector : what finds and repairs wrong cells, where it was asked for
    threshold : a sample is an anomaly when its score is above this
    history : training curves, one value per epoch
    facts : what the data were, plain JSON values
    """

    settings: Settings
    preparation: Preparation
    ranker: Ranker
    conformal: Conformal
    calibration_prints: NDArray[np.uint64]
    seen_prints: NDArray[np.uint64]
    limits: NDArray[np.float64]
    island: Island
    reference: NDArray[np.float64]
    corrector: "Learned | None"
    threshold: float
    history: dict[str, list[float]]
    facts: dict[str, Any]

    @property
    def kind(self) -> str:
        """The kind of data, "images" or "table"."""
        return self.ranker.kind

    def was_trained_on(self, prints: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of these fingerprints (n,) are of samples that the network was trained on."""
        return member(prints, self.ranker.trained_prints) | member(prints, self.seen_prints)

    def scores(self, data: Any) -> NDArray[np.float64]:
        """Scores (n,) of raw samples, higher is more anomalous."""
        parts = [self.ranker.scores(features) for features in prepared_runs(self.preparation, data)]
        return np.concatenate([np.empty(0), *parts])

    @property
    def level(self) -> float:
        """Share of false alarms at the threshold: alpha where that has set it, else what calibration says of it."""
        by_alpha = self.facts["threshold_from"] == BY_ALPHA
        return self.settings.alpha if by_alpha else self.conformal.level_above(self.threshold)

    def rank(self, data: Any, ids: Sequence[str], alpha: float | None = None, fdr: float | None = None) -> Ranking:
        """Scores, p-values and decisions of raw samples, in their order.

        alpha : level of ``is_anomaly``; None for the model's own threshold
        fdr : false discovery rate to keep among these samples, instead of a level; a UserWarning says when the
            calibration samples were too few for any discovery
        """
        if alpha is not None and fdr is not None:
            raise SettingError("alpha and fdr were both said; a decision is taken at one of them")
        scores, known = [np.empty(0)], [np.empty(0, bool)]
        for features in prepared_runs(self.preparation, data):
            prints = fingerprints(features)
            scores.append(self.ranker.scores(features, prints))
            known.append(self.was_trained_on(prints) | member(prints, self.calibration_prints))
        score = np.concatenate(scores)
        p_values = self.conformal.p_values(score)
        if fdr is None:
            flagged = score > (self.threshold if alpha is None else self.conformal.threshold(alpha))
        else:
            flagged = p_values <= self._discovery_level(p_values, fdr)
        return Ranking(ids, score, p_values, flagged, np.concatenate(known))

    def drift(self, data: Any, number: int = 1, alpha: float = 0.01) -> Drift:
        """Whether raw samples, the batch of that number, have moved away from the calibration samples."""
        blocks, kind = self.preparation.blocks, self.kind
        runs = list(prepared_runs(self.preparation, data))
        values = np.concatenate([summary(features, blocks) for features in runs] or [self.reference[:0]])
        scores = np.concatenate([np.empty(0), *(self.ranker.scores(features) for features in runs)])
        columns = names(blocks, kind) if len(self.reference) else []
        return drift(scores, self.conformal.scores, columns, values, self.reference, number, alpha)

    def correct(self, data: Any, ids: Sequence[str], constraints: Constraints = UNCONSTRAINED) -> Correction:
        """Find and repair the wrong cells of raw samples; see `Correction`.

        A sample's result depends on no other, ``max_changes`` apart.

        Errors
        ------
        SchemaError for samples that are not like those of training; SourceError for one that holds no value at all;
        SettingError for constraints that do not fit the samples, and for a model that was not told to learn correction.
        """
        from poleward.detector.correcting import corrected_images, corrected_table

        if self.corrector is None:
            raise SettingError(
                "the model has not learned to correct; fit it again with correction=True, or poleward fit --correction"
            )
        if self.kind == "table":
            return corrected_table(self, self.corrector.of_table, data, ids, constraints)
        return corrected_images(self, self.corrector.of_images, data, constraints)

    def _discovery_level(self, p_values: NDArray[np.float64], fdr: float) -> float:
        discoveries = Discoveries(len(self.conformal.scores), fdr)
        discoveries.add(p_values)
        too_few = discoveries.warning()
        if too_few:
            warn(too_few, stacklevel=3)
        return discoveries.level()

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
        import torch

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
        said = self.ranker.scorer.notes()
        dead, k = self.facts["n_latent_dead"], self.facts["n_latent"]
        if dead:
            said.append(f"{dead} of {k} latent dimensions are the same for every sample; a smaller n_latent would do")
        if self.settings.contamination == AUTO:
            said.append(f"about {self.facts['contamination']:.1%} of the training data are taken to be anomalies")
        if self.facts["n_left_out"]:
            said.append(
                f"{self.facts['n_left_out']} calibration samples score too high to be normal; p-values are without them"
            )
        shortage = self.conformal.shortage(self.settings.alpha)
        return said + ([shortage] if shortage else [])
