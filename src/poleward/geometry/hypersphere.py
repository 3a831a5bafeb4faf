r"""Hyperspherical coordinates of points v in R^n, exact and O(n) per point, with their own gradients.

With the tail norms t_k = |(v_k, ..., v_n)|, k = 1..n:

    radius r = t_1,     cos phi_k = v_k / t_k,     phi_k = atan2(t_{k+1}, v_k)  in [0, pi],  k < n - 1,

and a signed last angle phi_{n-1} = atan2(v_n, v_{n-1}) in (-pi, pi]. The inverse is

    v_k = r cos phi_k prod_{j<k} sin phi_j,     v_n = r prod_{j<n} sin phi_j.

All tail norms come from one reversed cumulative sum, computed in float64 on points scaled by their largest
coordinate, so
that no finite point overflows; results return in the dtype of the points. Source: METHOD section 1.
"""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from poleward.errors import SettingError


def radius(points: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
    """Distance from the origin, r = |v|; its gradient v/r is taken as 0 at the origin.

    >>> radius(torch.tensor([[3.0, 4.0]]))
    tensor([5.])
    """
    limits = torch.finfo(points.dtype)
    length = torch.linalg.vector_norm(points, dim=-1)
    if bool(((length > limits.tiny**0.4) & (length < limits.max**0.4)).all()):
        return length  # no square left the range of the dtype
    unit, scale = _scaled(points)
    return (scale[..., 0] * torch.linalg.vector_norm(unit, dim=-1)).clamp(max=limits.max).to(points.dtype)


def cosines(points: Float[Tensor, "*batch n"], eps: float = 0.0) -> Float[Tensor, "*batch angles"]:
    """Cosines of the angles, cos phi_k = v_k / sqrt(sum_{j>=k} v_j^2 + eps), k = 1..n-1.

    Parameters
    ----------
    points : (..., n) with n >= 2, float
    eps : at least 0, in squared units of the points; 0 is exact, the published objective uses 1e-3

    Returns
    -------
    (..., n - 1) in [-1, 1]; 0 where the tail of the point vanishes, and there the gradient is 0 too.

    Errors
    ------
    SettingError when n < 2.

    Source: METHOD section 1, with its closed-form gradient
    dL/dv_j = g_j s_j^(-1/2) - v_j sum_{k<=j} g_k c_k / s_k, where s_k = t_k^2 + eps.

    >>> cosines(torch.tensor([[3.0, 0.0, 4.0]]))
    tensor([[0.6000, 0.0000]])
    """
    _require_two_dimensions(points)
    result: Tensor = _Cosines.apply(points, eps)  # type: ignore[no-untyped-call]
    return result


def cosines_of(codes: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """`cosines` of an array (n, k), in float64: (n, k - 1).

    >>> cosines_of(np.array([[3.0, 0.0, 4.0]])).round(6).tolist()
    [[0.6, 0.0]]
    """
    return np.asarray(cosines(torch.as_tensor(codes, dtype=torch.float64)).numpy())


def to_hyperspherical(
    points: Float[Tensor, "*batch n"],
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch angles"]]:
    """Radius and angles of points; the exact inverse of `to_cartesian`.

    Parameters
    ----------
    points : (..., n) with n >= 2, float

    Returns
    -------
    radius : (...) at least 0
    angles : (..., n - 1) in radians; the first n - 2 in [0, pi], the last in [-pi, pi], -pi only where a negative v_n
        vanishes beside v_{n-1} in rounding

    Errors
    ------
    SettingError when n < 2.

    Source: METHOD section 1. An angle's gradient is 0 where it is undefined (a vanishing tail).

    >>> to_hyperspherical(torch.tensor([[0.0, 0.0, 2.0]]))
    (tensor([2.]), tensor([[1.5708, 1.5708]]))
    """
    _require_two_dimensions(points)
    angles: Tensor = _Angles.apply(points)  # type: ignore[no-untyped-call]
    return radius(points), angles


def to_cartesian(radius: Float[Tensor, "*batch"], angles: Float[Tensor, "*batch angles"]) -> Float[Tensor, "*batch n"]:
    """Points from radius and angles: v_k = r cos phi_k prod_{j<k} sin phi_j, v_n = r prod_{j<n} sin phi_j.

    Parameters
    ----------
    radius : (...)
    angles : (..., n - 1) in radians, any real value

    Returns
    -------
    (..., n) in the units of the radius.

    >>> to_cartesian(torch.tensor([5.0]), torch.tensor([[0.0]]))
    tensor([[5., 0.]])
    """
    wide = angles.double()
    one = torch.ones_like(wide[..., :1])
    product_of_sines = torch.cat([one, torch.cumprod(torch.sin(wide), dim=-1)], dim=-1)
    cosine_or_one = torch.cat([torch.cos(wide), one], dim=-1)
    return (radius.double()[..., None] * cosine_or_one * product_of_sines).to(angles.dtype)


def project(points: Float[Tensor, "*batch n"], radius: float) -> Float[Tensor, "*batch n"]:
    """Nearest points on the sphere of the given radius; the origin stays where it is.

    >>> project(torch.tensor([[3.0, 4.0]]), radius=10.0)
    tensor([[6., 8.]])
    """
    length = torch.linalg.vector_norm(points, dim=-1, keepdim=True)
    return points / torch.where(length > 0, length, torch.ones_like(length)) * radius


def _require_two_dimensions(points: Tensor) -> None:
    if points.ndim == 0 or points.shape[-1] < 2:
        raise SettingError(
            f"hyperspherical coordinates need points with at least 2 dimensions, got shape {tuple(points.shape)}"
        )


def _scaled(points: Tensor, least: float = 0.0) -> tuple[Tensor, Tensor]:
    """Points in float64 and a factor (..., 1), at least ``least``, taken out of them so that their squares fit."""
    wide = points.double()
    if points.dtype != torch.float64:
        return wide, wide.new_ones(*points.shape[:-1], 1)  # squares of float32 fit as they are
    scale = wide.detach().abs().amax(dim=-1, keepdim=True).clamp_min(least)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return wide / scale, scale


def _tail_sums(values: Tensor) -> Tensor:
    """sum_{j>=k} of the last dimension, for every k."""
    return values.flip(-1).cumsum_(-1).flip(-1)


def _inverse(values: Tensor) -> Tensor:
    """1/x, and 0 where x is 0: a vanishing tail carries no angle and no gradient."""
    return values.reciprocal().nan_to_num_(posinf=0.0, neginf=0.0)


def _representable(gradient: Tensor, dtype: torch.dtype) -> Tensor:
    limit = torch.finfo(dtype).max
    return gradient.clamp_(-limit, limit).to(dtype)


class _Cosines(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, eps: float) -> Tensor:
        unit, scale = _scaled(points, least=math.sqrt(eps))
        inverse_tail = _tail_sums(unit.square()).add_((math.sqrt(eps) / scale).square()).rsqrt_()
        if eps == 0 or points.dtype == torch.float64:  # beside a huge point, eps / scale^2 is 0 too
            inverse_tail.nan_to_num_(posinf=0.0)  # a vanishing tail carries no angle and no gradient
        c = unit * inverse_tail
        ctx.save_for_backward(unit, scale, inverse_tail, c)
        ctx.dtype = points.dtype
        return c[..., :-1].to(points.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        unit, scale, inverse_tail, c = ctx.saved_tensors
        along = torch.zeros_like(unit)
        torch.mul(gradient, inverse_tail[..., :-1], out=along[..., :-1])  # the last coordinate has no cosine of its own
        back = (along * c).mul_(inverse_tail).cumsum_(-1)  # sum_{k<=j} g_k c_k / s_k
        return _representable(along.addcmul_(unit, back, value=-1).div_(scale), ctx.dtype), None


class _Angles(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor) -> Tensor:
        unit, scale = _scaled(points)
        t = _tail_sums(unit.square()).sqrt()
        ctx.save_for_backward(unit, scale, t)
        ctx.dtype = points.dtype
        opposite = torch.cat([t[..., 1:-1], unit[..., -1:]], dim=-1)  # the last angle keeps the sign of v_n
        return torch.atan2(opposite + 0.0, unit[..., :-1] + 0.0).to(
            points.dtype
        )  # -0 + 0 is 0, and turns no angle by pi

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        unit, scale, t = ctx.saved_tensors
        g, v = gradient.double(), unit[..., :-1]
        inverse_s = _inverse(t.square())[..., :-1]
        following = torch.cat([t[..., 1:-1], unit[..., -1:]], dim=-1)
        down = torch.nn.functional.pad(-g * following * inverse_s, (0, 1))  # d phi_k / d v_k = -t_{k+1} / s_k
        pull = g * v * inverse_s
        earlier = torch.nn.functional.pad(pull[..., :-1] * _inverse(t[..., 1:-1]), (1, 1))
        up = unit * earlier.cumsum(-1)  # d phi_k / d v_j = v_k v_j / (s_k t_{k+1}), k < n - 1, j > k
        up[..., -1] += pull[..., -1]  # the signed last angle: d phi_{n-1} / d v_n = v_{n-1} / s_{n-1}
        return _representable((down + up) / scale, ctx.dtype)
