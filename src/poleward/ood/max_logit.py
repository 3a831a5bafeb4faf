"""Maximum logit."""

import numpy as np
from jaxtyping import Float64

from poleward.ood.outputs import Outputs, PostHoc


class MaxLogit(PostHoc):
    """score = -max_c l_c.

    Source: Hendrycks et al., "Scaling Out-of-Distribution Detection for Real-World Settings" (2022).

    >>> MaxLogit().score(Outputs(np.zeros((1, 1)), np.array([[1.0, 5.0]])))
    array([-5.])
    """

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,)."""
        return -np.asarray(outputs.logits, np.float64).max(axis=1)
