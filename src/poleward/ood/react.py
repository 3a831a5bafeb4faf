"""Rectified activations."""

import numpy as np
from jaxtyping import Float64

from poleward.ood.outputs import Head, Outputs, PostHoc, free_energy


class ReAct(PostHoc):
    """score = energy of the logits of min(f, c), c the given quantile of all training activations.

    Source: Sun, Guo and Li, "ReAct: Out-of-distribution Detection With Rectified Activations" (2021).

    head : the last linear layer
    quantile : in (0, 1)

    >>> known = Outputs(np.arange(11.0)[:, None], np.zeros((11, 1)))
    >>> new = Outputs(np.array([[4.0], [99.0]]), np.zeros((2, 1)))
    >>> ReAct(Head(np.ones((1, 1)), np.zeros(1)), 0.9).fit(known).score(new)
    array([-4., -9.])
    """

    def __init__(self, head: Head, quantile: float = 0.9) -> None:
        self.head = head
        self.quantile = quantile
        self.ceiling = np.inf

    def fit(self, outputs: Outputs) -> "ReAct":
        """Learn c."""
        self.ceiling = float(np.quantile(outputs.features, self.quantile))
        return self

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,)."""
        return free_energy(self.head.logits(np.minimum(outputs.features, self.ceiling)))
