"""How the regulariser's weight moves over the epochs."""

import math
from collections.abc import Callable

from poleward.errors import SettingError

LINEAR_SHARE = 0.3
"""The linear schedule reaches full weight after this share of the epochs."""

CYCLES = 4
"""Number of ramps of the cyclical schedule (Fu et al. 2019)."""


def constant(epoch: int, n_epochs: int) -> float:
    """Full weight throughout.

    >>> constant(0, 10)
    1.0
    """
    return 1.0


def linear(epoch: int, n_epochs: int) -> float:
    """From near 0 up to 1 over the first 30 % of the epochs, then 1.

    >>> linear(0, 100) < linear(20, 100) < linear(30, 100) == 1.0
    True
    """
    return min(1.0, (epoch + 1) / (LINEAR_SHARE * n_epochs))


def cyclical(epoch: int, n_epochs: int) -> float:
    """Four times: up to 1 over half a cycle, then 1 for the other half (Fu et al. 2019).

    >>> cyclical(12, 100), cyclical(24, 100)
    (1.0, 1.0)
    """
    period = max(1.0, n_epochs / CYCLES)
    return min(1.0, 2 * ((epoch % period) + 1) / period)


def square_root(epoch: int, n_epochs: int) -> float:
    """The published h(epoch): sqrt(epoch) + 1 up to epoch 100, then 1 (METHOD section 2).

    >>> square_root(0, 300), square_root(100, 300), square_root(101, 300)
    (1.0, 11.0, 1.0)
    """
    return math.sqrt(epoch) + 1 if epoch <= 100 else 1.0


SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": constant,
    "linear": linear,
    "cyclical": cyclical,
    "square-root": square_root,
}


def schedule_weight(name: str, epoch: int, n_epochs: int) -> float:
    """Weight of the regulariser in an epoch under the named schedule; SettingError for an unknown name."""
    if name not in SCHEDULES:
        raise SettingError(f"schedule {name!r} is unknown; choose one of {', '.join(SCHEDULES)}")
    return SCHEDULES[name](epoch, n_epochs)
