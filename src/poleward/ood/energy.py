"""Energy."""

import numpy as np
from jaxtyping import Float64

from poleward.ood.outputs import Outputs, PostHoc, free_energy


class Energy(PostHoc):
    """score = -T ln sum_c exp(l_c / T).

    Source: Liu et al., "Energy-based Out-of-distribution Detection" (2020), eq. 4.

    temperature : T above 0

    >>> Energy().score(Outputs(np.zeros((1, 1)), np.array([[0.0, 0.0]]))).round(4)
    array([-0.6931])
    """

    def __init__(self, temperature: float = 1.0) -> None:
        self.temperature = temperature

    def score(self, outputs: Outputs) -> Float64[np.ndarray, " n"]:
        """(n,)."""
        return free_energy(outputs.logits, self.temperature)
