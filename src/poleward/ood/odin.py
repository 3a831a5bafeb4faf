"""Softmax at a high temperature, of an input moved a little towards its prediction."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from poleward.errors import SettingError

if TYPE_CHECKING:
    import torch

CHUNK = 64
"""Inputs handled at a time; the last ones are padded to as many, so that a score does not depend on its batch."""


class ODIN:
    """score = 1 - max_c softmax(l(x') / T)_c,   x' = x + e sign(grad_x ln max_c softmax(l(x) / T)_c).

    Needs the classifier itself, in evaluation mode, and inputs in the place of features and logits.

    Source: Liang, Li and Srikant, "Enhancing The Reliability of Out-of-distribution Image Detection in Neural
    Networks" (2018), eqs. 1 and 2.

    module : inputs (n, ...) -> logits (n, classes)
    temperature : T above 0
    noise : e at least 0, in the inputs' units
    """

    def __init__(self, module: "torch.nn.Module", temperature: float = 1000.0, noise: float = 0.0014) -> None:
        if module.training:
            raise SettingError("the module is in training mode, where a score depends on its batch; call .eval() first")
        self.module = module
        self.temperature = temperature
        self.noise = noise

    def score(self, inputs: Any) -> Float64[np.ndarray, " n"]:
        """(n,) of inputs, an array or a tensor (n, ...)."""
        import torch

        parts = torch.as_tensor(inputs).split(CHUNK)
        return np.concatenate([self._of_chunk(part) for part in parts])

    def _of_chunk(self, x: "torch.Tensor") -> Float64[np.ndarray, " n"]:
        import torch

        whole = torch.cat([x, x[:1].expand(CHUNK - len(x), *x.shape[1:])]).requires_grad_()
        with torch.enable_grad():
            certainty = torch.log_softmax(self.module(whole) / self.temperature, dim=1).max(dim=1).values
            (gradient,) = torch.autograd.grad(certainty.sum(), whole)
        with torch.no_grad():
            moved = whole + self.noise * gradient.sign()
            p = torch.softmax(self.module(moved).double() / self.temperature, dim=1)
        return (1 - p.max(dim=1).values)[: len(x)].cpu().numpy()
