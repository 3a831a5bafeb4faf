"""Norm of the gradient of the last layer."""

import numpy as np
from jaxtyping import Float64
from scipy.special import softmax

from poleward.ood.outputs import Outputs, PostHoc


class GradNorm(PostHoc):
    """score = -|d KL(u || p) / dW|_1 = -(sum_j |f_j|) (sum_c |p_c - 1/classes|), u uniform, p the softmax.

    The gradient with respect to the weights W of the last layer is an outer product, so its norm has this closed form.

    Source: Huang, Geng and Li, "On the Importance of Gradients for Detecting Distributional Shifts in the Wild" (2021).

    >>> GradNorm().score(Outputs(np.array([[1.0, -2.0]]), np.log([[0.25, 0.75]])))
    array([-1.5])
    """

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,), at most 0."""
        p = softmax(np.asarray(outputs.logits, np.float64), axis=1)
        away = np.abs(p - 1 / p.shape[1]).sum(axis=1)
        return np.asarray(-np.abs(np.asarray(outputs.features, np.float64)).sum(axis=1) * away)
