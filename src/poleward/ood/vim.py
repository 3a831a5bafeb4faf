"""Virtual logit matching."""

from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from poleward.ood.outputs import Head, Outputs, PostHoc, free_energy


class ViM(PostHoc):
    """score = a |R' (f - o)| - ln sum_c exp(l_c), the virtual logit beside the energy.

    o = -W^+ b is where all logits are 0; R spans what the D largest principal directions of training features about o
    leave over; a brings the mean residual norm of training samples to their mean largest logit.

    Source: Wang et al., "ViM: Out-of-Distribution with Virtual-logit Matching" (2022), eqs. 4 to 7.

    head : the last linear layer
    n_principal : D, from 1 to d - 1; None for half of d, but at most 512
    """

    def __init__(self, head: Head, n_principal: int | None = None) -> None:
        self.origin = -np.linalg.pinv(np.asarray(head.weight, np.float64)) @ head.bias
        self.n_principal = n_principal
        self.residual: NDArray[np.float64]
        self.scale: float

    def fit(self, outputs: Outputs) -> "ViM":
        """Learn R and a."""
        centred = np.asarray(outputs.features, np.float64) - self.origin
        d = centred.shape[1]
        kept = min(max(d // 2, 1), 512) if self.n_principal is None else self.n_principal
        vectors = np.linalg.eigh(centred.T @ centred)[1]
        self.residual = vectors[:, : d - kept]
        norms = self._norms(outputs.features)
        self.scale = float(np.asarray(outputs.logits, np.float64).max(axis=1).mean() / (norms.mean() or 1.0))
        return self

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,)."""
        return self.scale * self._norms(outputs.features) + free_energy(outputs.logits)

    def _norms(self, features: NDArray[np.floating[Any]]) -> Float64[np.ndarray, " n"]:
        centred = np.asarray(features, np.float64) - self.origin
        return np.sqrt(np.square(np.einsum("nd,de->ne", centred, self.residual)).sum(axis=1))
