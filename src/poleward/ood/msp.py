"""Maximum softmax probability."""

import numpy as np
from jaxtyping import Float64
from scipy.special import log_softmax

from poleward.ood.outputs import Outputs, PostHoc


class MSP(PostHoc):
    """score = 1 - max_c p_c, p = softmax of the logits; in [0, 1 - 1/classes].

    Source: Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples" (2017).

    >>> MSP().score(Outputs(np.zeros((1, 1)), np.log([[0.2, 0.8]]))).round(9)
    array([0.2])
    """

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,), as the sum of the other probabilities, which does not round to 0 for a sure classifier."""
        probability = np.exp(log_softmax(np.asarray(outputs.logits, np.float64), axis=1))
        return np.asarray(np.sort(probability, axis=1)[:, :-1].sum(axis=1))
