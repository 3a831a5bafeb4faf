r"""Momentum that turns convolution kernels alike in every direction (Muon), and moves all else as usual.

With the gradient g and B <- m B + g, a parameter moves by its step d = g + m B (Nesterov): p <- p - rate d, where g
holds the weight decay. A kernel, as a matrix W of outputs by (inputs times pixels), forgets sooner (m = 0.6) and takes
instead the orthogonal matrix next to its step; its length is kept, for what follows is normalised and does not see it:

    W <- sqrt(outputs) W / ||W|| - share rate polar(d),      polar(U S V') = U V'

polar by iterations of an odd polynomial that takes every singular value near 1. Source: Jordan et al., "Muon: an
optimizer for hidden layers in neural networks" (2024). torch's own takes matrices alone and lets the length drift.
"""

from collections.abc import Callable, Iterable
from math import sqrt
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

KERNEL_DIMS = 4
"""(outputs, inputs, height, width)."""

KERNEL_SHARE = 0.5
"""Of the learning rate, for kernels: how far one step may turn them, in radians."""

KERNEL_MOMENTUM = 0.6
"""m of kernels."""

SHORT = 500
"""Steps of a run; in a shorter one kernels turn further at each, or they would hardly leave where they began."""

ITERATIONS = 3
COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of x, x^3 and x^5: steepest at 0 among those that stay near 1 (Jordan et al. 2024)."""


class Muon(torch.optim.Optimizer):
    """Nesterov's momentum, with orthogonal steps for convolution kernels.

    Parameters
    ----------
    parameters : tensors; those of four dimensions are kernels, and must be followed by a normalisation
    lr : above 0
    kernel_share : above 0, of lr, for kernels
    momentum : in [0, 1), m of all but the kernels
    weight_decay : at least 0, an L2 penalty of all but the kernels
    dtype : that steps of kernels are made orthogonal in
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        kernel_share: float,
        momentum: float,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.kernel_share, self.dtype = kernel_share, dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        is_kernel = parameter.ndim == KERNEL_DIMS
        m = KERNEL_MOMENTUM if is_kernel else group["momentum"]
        g = gradient if is_kernel else gradient.add(parameter, alpha=group["weight_decay"])
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        step = g.add(state["momentum"].mul_(m).add_(g), alpha=m)
        if not is_kernel:
            parameter.sub_(step, alpha=group["lr"])
            return
        parameter.mul_(sqrt(len(parameter)) / parameter.norm())
        turn = polar(step.flatten(1).to(self.dtype)).to(parameter.dtype)
        parameter.sub_(turn.view(parameter.shape), alpha=self.kernel_share * group["lr"])


def kernel_share(n_steps: int) -> float:
    """Share of the learning rate for kernels in a run of this many steps: 1/2 max(1, sqrt(500 / steps)).

    >>> kernel_share(2000), kernel_share(125)
    (0.5, 1.0)
    """
    return KERNEL_SHARE * max(1.0, sqrt(SHORT / n_steps))


def polar(matrix: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    """Nearly the orthogonal matrix next to this one: its singular vectors, with singular values near 1.

    Those far below the largest stay smaller; a matrix of zeros stays as it is.

    >>> polar(torch.diag(torch.tensor([3.0, -1.0]))).abs().diag().sub(1).abs().max() < 0.35
    tensor(True)
    """
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / x.norm().clamp_min(torch.finfo(torch.float32).tiny)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if matrix.shape[0] > matrix.shape[1] else x
