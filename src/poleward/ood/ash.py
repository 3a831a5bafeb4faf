"""Activation shaping."""

from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from poleward.errors import SettingError
from poleward.ood.outputs import Head, Outputs, PostHoc, free_energy
from poleward.ood.subspace import largest

WAYS = ("s", "p", "b")


class ASH(PostHoc):
    """score = energy of the logits of shaped features: of each sample's d features only the largest are kept.

    "p" keeps them as they are; "b" sets each to the sum of all features over their number; "s" multiplies them by
    exp(sum of all / sum of the kept). Applied to pooled features, as everything here; the paper's maps before pooling
    are not at hand.

    Source: Djurisic et al., "Extremely Simple Activation Shaping for Out-of-Distribution Detection" (2023).

    head : the last linear layer
    way : "s", "p" or "b"
    dropped : share of the features set to 0, in [0, 1)

    >>> ASH(Head(np.ones((1, 2)), np.zeros(1)), "p", 0.5).score(Outputs(np.array([[1.0, 3.0]]), np.zeros((1, 1))))
    array([-3.])
    """

    def __init__(self, head: Head, way: str = "s", dropped: float = 0.65) -> None:
        if way not in WAYS:
            raise SettingError(f"way is {way!r}; choose one of {', '.join(WAYS)}")
        self.head = head
        self.way = way
        self.dropped = dropped

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,)."""
        return free_energy(self.head.logits(self.shaped(outputs.features)))

    def shaped(self, features: NDArray[np.floating[Any]]) -> Float64[np.ndarray, "n d"]:
        """(n, d) -> (n, d).

        >>> ASH(Head(np.ones((1, 2)), np.zeros(1)), "b", 0.5).shaped(np.array([[1.0, 3.0]]))
        array([[0., 4.]])
        """
        wide = np.asarray(features, np.float64)
        n_kept = max(1, wide.shape[1] - round(self.dropped * wide.shape[1]))
        kept = largest(wide, n_kept)
        total, rest = wide.sum(axis=1, keepdims=True), (wide * kept).sum(axis=1, keepdims=True)
        if self.way == "b":
            return kept * total / n_kept
        if self.way == "s":
            return wide * kept * np.exp(total / np.where(rest > 0, rest, np.inf))
        return wide * kept
