r"""How much room a sphere's regions hold: areas, caps, shells and shares, as logarithms.

In n dimensions a region's share of a sphere underflows float64 long before it stops to matter, so every area, volume
and share is a natural logarithm, finite for n = 2 to 4,096 and for angles down to 1e-3 rad. Lengths are exact ratios.

Angles follow the hyperspherical convention: ``phi_1 .. phi_(n-2)`` polar, in [0, pi]; ``phi_(n-1)`` signed, in
[-pi, pi]. A vector drawn uniformly from the sphere has independent angles, ``phi_k`` with the density
``sin^(n-1-k)``. Fewer than 2 dimensions and angles, radii or limits outside their ranges raise ``SettingError``.

Sources: METHOD section 1; S. Li, "Concise formulas for the area and volume of a hyperspherical cap" (2011).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import beta, betainc, betaln, gammaln, hyp2f1, xlogy

from poleward.errors import SettingError

Reals = float | NDArray[np.float64]

UNDERFLOW = 1e-280
"""Below this, the incomplete beta function is replaced by its series in log space."""


def log_sphere_area(n: int) -> float:
    r"""Log area of the unit sphere S^(n-1) in R^n.

    ``A_n = 2 pi^(n/2) / Gamma(n/2)``

    n : dimensions of the space, 2 or more

    >>> print(round(np.exp(log_sphere_area(2)) / np.pi, 6), round(np.exp(log_sphere_area(3)) / np.pi, 6))
    2.0 4.0
    """
    return float(np.log(_dimensions(n))) + log_ball_volume(n)


def log_ball_volume(n: int) -> float:
    r"""Log volume of the unit ball in R^n.

    ``V_n = pi^(n/2) / Gamma(n/2 + 1)``

    n : dimensions of the space, 2 or more

    >>> print(round(np.exp(log_ball_volume(3)) / np.pi, 6))  # 4/3 pi
    1.333333
    """
    return _log_unit_ball(_dimensions(n))


def log_cap_area(n: int, angle: Reals) -> Reals:
    """Log area of the unit sphere's part within an angle of a pole.

    ``A_n(phi_1 <= angle) = A_(n-1) int_0^angle sin^(n-2)(t) dt``

    n : dimensions of the space, 2 or more
    angle : (...), rad, in [0, pi]

    >>> print(round(np.exp(log_cap_area(3, np.pi / 2)) / np.pi, 6))  # half of 4 pi
    2.0
    """
    return log_sphere_area(n) + log_share_within_angle(n, angle)


def log_cap_volume(n: int, angle: Reals) -> Reals:
    """Log volume of the unit ball's part beyond the plane that cuts the sphere at an angle from a pole.

    ``V_n(x_1 >= cos angle) = V_(n-1) int_0^angle sin^n(t) dt``

    n : dimensions of the space, 2 or more
    angle : (...), rad, in [0, pi]

    >>> print(round(np.exp(log_cap_volume(3, np.pi / 2)) / np.pi, 6))  # half of 4/3 pi
    0.666667
    """
    return log_ball_volume(n) + _log_sine_share(np.array(n), _polar(angle))[()]


def log_volume_element(radius: Reals, angles: NDArray[np.float64]) -> Reals:
    """Log density of Euclidean volume in hyperspherical coordinates.

    ``dV = r^(n-1) prod_k sin^(n-1-k)(phi_k) dr dphi_1 .. dphi_(n-1)``

    radius : (...), 0 or more
    angles : (..., n - 1), rad; all but the last in [0, pi], the last in [-pi, pi]

    >>> print(round(np.exp(log_volume_element(2.0, np.array([np.pi / 6, 0.0]))), 6))  # 2^2 sin(30 degrees)
    2.0
    """
    n = _dimensions(angles.shape[-1] + 1)
    distance = _between(radius, 0.0, np.inf, "a radius is 0 or more")
    _between(angles[..., -1], -np.pi, np.pi, "the last angle is in radians, from -pi to pi")
    sines = np.sin(_polar(angles[..., :-1]))
    element: Reals = xlogy(n - 1, distance) + xlogy(np.arange(n - 2, 0, -1), sines).sum(axis=-1)
    return element


def log_share_within_angle(n: int, limit: Reals) -> Reals:
    """Log share of the sphere whose first angle is at most a limit.

    ``P(phi_1 <= limit)`` for a vector drawn uniformly from S^(n-1); for n = 2 the only angle is signed and the share is
    that of ``|phi_1| <= limit``.

    n : dimensions of the space, 2 or more
    limit : (...), rad, in [0, pi]

    >>> print(round(log_share_within_angle(128, np.deg2rad(80)), 1))
    -3.7
    >>> print(round(np.exp(log_share_within_angle(3, np.pi / 3)), 6))  # (1 - cos 60 degrees) / 2
    0.25
    """
    return _log_sine_share(np.array(_dimensions(n) - 2), _polar(limit))[()]


def log_share_within_all_angles(n: int, limit: Reals) -> Reals:
    """Log share of the sphere whose every angle is at most a limit.

    ``P(phi_1 <= limit, .., phi_(n-2) <= limit, |phi_(n-1)| <= limit)``

    The angles are independent, so this is a sum of n - 1 logarithms. The last, signed angle contributes
    ``log(limit / pi)``: the 80 degrees and n = 128 below leave e^-311.2 with it, and e^-310.4, the figure of METHOD
    section 1, when only the n - 2 polar angles are limited.

    n : dimensions of the space, 2 or more
    limit : (...), rad, in [0, pi]

    >>> print(round(log_share_within_all_angles(128, np.deg2rad(80)), 1))
    -311.2
    >>> print(round(np.exp(log_share_within_all_angles(3, np.pi / 2)), 6))  # a half of a half
    0.25
    """
    within = _polar(limit)
    powers = np.arange(_dimensions(n) - 1)
    total: Reals = _log_sine_share(powers, within[..., None]).sum(axis=-1)
    return total


def log_shell_share(n: int, inner: Reals) -> Reals:
    """Log share of a ball's volume outside a smaller ball with the same centre.

    ``1 - inner^n``

    n : dimensions of the space, 2 or more
    inner : (...), the smaller ball's radius as a share of the larger one's, in [0, 1]

    >>> print(round(np.exp(log_shell_share(2, 0.5)), 6))
    0.75
    """
    inner = _between(inner, 0.0, 1.0, "an inner radius is a share of the outer one, from 0 to 1")
    with np.errstate(divide="ignore"):  # an empty shell's log share is -inf
        share: Reals = np.log(-np.expm1(xlogy(_dimensions(n), inner)))
    return share


def gaussian_radius_mean(n: int) -> float:
    """Mean distance from the origin of a standard normal vector.

    ``E r = sqrt(2) Gamma((n+1)/2) / Gamma(n/2)``, close to ``sqrt(n - 1/2)``

    n : dimensions of the space, 2 or more

    >>> print(round(gaussian_radius_mean(2) ** 2 / np.pi, 6))
    0.5
    """
    return float(np.sqrt(2 * np.pi) / beta(_dimensions(n) / 2, 0.5))


def gaussian_radius_std(n: int) -> float:
    """Standard deviation of a standard normal vector's distance from the origin.

    ``Std r = sqrt(n - (E r)^2)``, close to ``sqrt(1/2)`` in any number of dimensions

    n : dimensions of the space, 2 or more

    >>> print(round(gaussian_radius_std(4096) ** 2, 3))
    0.5
    """
    return float(np.sqrt(n - gaussian_radius_mean(n) ** 2))


def expected_absolute_cosine(n: int) -> float:
    """Mean of the absolute cosine between two random directions.

    ``E|cos| = Gamma(n/2) / (sqrt(pi) Gamma((n+1)/2))``, close to ``sqrt(2 / (pi n))``

    n : dimensions of the space, 2 or more

    >>> print(round(expected_absolute_cosine(3), 6))
    0.5
    """
    return float(beta(_dimensions(n) / 2, 0.5) / np.pi)


def _log_unit_ball(n: int) -> float:
    return float(n / 2 * np.log(np.pi) - gammaln(n / 2 + 1))


def _log_sine_share(power: NDArray[np.int64], limit: Reals) -> NDArray[np.float64]:
    """Log of ``int_0^limit sin^power / int_0^pi sin^power``, elementwise."""
    lesser = _log_lesser_share(power, np.minimum(limit, np.pi - limit))
    return np.where(limit <= np.pi / 2, lesser, np.log1p(-np.exp(lesser)))


def _log_lesser_share(power: NDArray[np.int64], limit: Reals) -> NDArray[np.float64]:
    """The same for limits up to pi/2, where the share is ``I_(sin^2 limit)((power+1)/2, 1/2) / 2``."""
    shape, square = (power + 1) / 2, np.sin(limit) ** 2
    share = betainc(shape, 0.5, square) / 2
    tiny = share < UNDERFLOW
    # sin^(p+1) F(a, 1/2; a+1; sin^2) / ((p+1) B(a, 1/2)): F diverges only near pi/2, where nothing is tiny
    factor = hyp2f1(shape, 0.5, shape + 1, np.where(tiny, square, 0.0))
    series = xlogy(power + 1, np.sin(limit)) - np.log(power + 1) - betaln(shape, 0.5) + np.log(factor)
    return np.where(tiny, series, np.log(np.where(tiny, 1.0, share)))


def _dimensions(n: int) -> int:
    if n < 2:
        raise SettingError(f"a sphere with angles needs 2 dimensions or more; found {n}")
    return n


def _between(values: Reals, low: float, high: float, expected: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    outside = ~((array >= low) & (array <= high))  # a NaN is outside too
    if outside.any():
        raise SettingError(f"{expected}; found {array[outside][0]}")
    return array


def _polar(angle: Reals) -> NDArray[np.float64]:
    return _between(angle, 0.0, np.pi, "a polar angle is in radians, from 0 to pi")
