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
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            self._turn([one for one in moved if one.ndim == KERNEL_DIMS], group)
            self._slide([one for one in moved if one.ndim != KERNEL_DIMS], group)

    def _slide(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        if parameters:
            decayed = list(torch._foreach_add(_gradients(parameters), parameters, alpha=group["weight_decay"]))
            steps = self._steps(parameters, decayed, group["momentum"])
            torch._foreach_add_(parameters, steps, alpha=-group["lr"])

    def _turn(self, kernels: list[Tensor], group: dict[str, Any]) -> None:
        steps = self._steps(kernels, _gradients(kernels), KERNEL_MOMENTUM) if kernels else ()
        for kernel, step in zip(kernels, steps, strict=True):
            kernel.mul_(sqrt(len(kernel)) / kernel.norm())
            turn = polar(step.flatten(1).to(self.dtype)).to(kernel.dtype)
            kernel.sub_(turn.view(kernel.shape), alpha=self.kernel_share * group["lr"])

    def _steps(self, parameters: list[Tensor], gradients: list[Tensor], m: float) -> tuple[Tensor, ...]:
        """d = g + m B of each, and B moved on."""
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        momenta = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_mul_(momenta, m)
        torch._foreach_add_(momenta, gradients)
        return torch._foreach_add(gradients, momenta, alpha=m)


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


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
