"""A score, fitted to training outputs and calibrated on others, that says which inputs a classifier should refuse."""

import numpy as np
from jaxtyping import Bool, Float64

from poleward.calibration.conformal import Conformal
from poleward.errors import SettingError
from poleward.ood.catalogue import build_score
from poleward.ood.outputs import Head, Outputs, PostHoc

FEWEST = 2


class Guard:
    """Guards a classifier that is already there.

    Parameters
    ----------
    score : a name of `catalogue.NAMES`, or any `PostHoc`
    head : the last linear layer, for the scores that need it
    calibration_share : in (0, 1), of the training outputs that the score does not see, for p-values
    seed : of the choice of these

    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(200, 2)) + np.array([[5.0, 0.0]])
    >>> guard = Guard("knn").fit(Outputs(features, features))
    >>> guard.accepts(Outputs(np.array([[5.0, 0.0], [0.0, -9.0]]), np.zeros((2, 2))), alpha=0.05)
    array([ True, False])
    """

    def __init__(
        self, score: str | PostHoc = "energy", head: Head | None = None, calibration_share: float = 0.15, seed: int = 0
    ) -> None:
        if not 0 < calibration_share < 1:
            raise SettingError(f"calibration_share is {calibration_share}; it lies between 0 and 1")
        self.scorer = build_score(score, head) if isinstance(score, str) else score
        self.calibration_share = calibration_share
        self.seed = seed
        self.conformal: Conformal

    def fit(self, outputs: Outputs) -> "Guard":
        """Learn from the outputs of normal samples, best of ones that the classifier was not trained on.

        A classifier is surer of its own training samples than of new ones, so p-values from these are too low for new
        normal samples, and more are refused than asked for.
        """
        if len(outputs) < FEWEST:
            raise SettingError(f"there are outputs of {len(outputs)} samples; at least {FEWEST} are needed")
        order = np.random.default_rng(self.seed).permutation(len(outputs))
        n_aside = min(max(1, round(self.calibration_share * len(order))), len(order) - 1)
        self.scorer.fit(outputs.take(np.sort(order[n_aside:])))
        self.conformal = Conformal(self.scorer.score(outputs.take(np.sort(order[:n_aside]))))
        return self

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,) higher is further out of distribution."""
        return self.scorer.score(outputs)

    def p_values(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """Split-conformal p-values (n,)."""
        return self.conformal.p_values(self.score(outputs))

    def accepts(self, outputs: Outputs, alpha: float = 0.05) -> Bool[np.ndarray, " n"]:
        """Whether p > alpha, (n,): a normal sample is refused with a probability of at most alpha."""
        return self.p_values(outputs) > alpha
