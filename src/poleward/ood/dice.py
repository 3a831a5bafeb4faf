"""Directed sparsification of the last layer."""

import numpy as np
from jaxtyping import Float64

from poleward.ood.outputs import Head, Outputs, PostHoc, free_energy


class DICE(PostHoc):
    """score = energy of the logits with only those weights w_cj whose mean contribution w_cj E[f_j] is among the
    largest.

    Source: Sun and Li, "DICE: Leveraging Sparsification for Out-of-Distribution Detection" (2022).

    head : the last linear layer
    dropped : share of the weights set to 0, in [0, 1)

    >>> head = Head(np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2))
    >>> known = Outputs(np.ones((1, 2)), np.zeros((1, 2)))
    >>> DICE(head, 0.5).fit(known).kept
    array([[False, False],
           [ True,  True]])
    """

    def __init__(self, head: Head, dropped: float = 0.7) -> None:
        self.head = head
        self.dropped = dropped
        self.kept = np.ones(head.weight.shape, bool)

    def fit(self, outputs: Outputs) -> "DICE":
        """Learn which weights to keep."""
        contribution = self.head.weight * np.asarray(outputs.features, np.float64).mean(axis=0)
        self.kept = contribution > np.quantile(contribution, self.dropped)
        return self

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,)."""
        return free_energy(Head(self.head.weight * self.kept, self.head.bias).logits(outputs.features))
