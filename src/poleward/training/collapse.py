"""Signs that training ended in something that cannot rank; each stops with what was seen and what to try."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.errors import TrainingCollapsed

DEAD_SPREAD = 1e-6
"""A latent dimension whose mean spreads less than this over the training data carries nothing."""


def require_finite(terms: Mapping[str, float], epoch: int) -> None:
    """Stop when a term of the loss is NaN or infinite.

    >>> require_finite({"loss": 1.5}, epoch=0)
    """
    wrong = [f"{name} = {value}" for name, value in terms.items() if not math.isfinite(value)]
    if wrong:
        raise TrainingCollapsed(
            f"training broke down in epoch {epoch + 1}: {', '.join(wrong)}; try a smaller learning rate, a smaller"
            f" weight"
            " of the objective, or look for extreme values in the data"
        )


def dead_dimensions(means: NDArray[np.floating[Any]]) -> int:
    """How many latent dimensions are the same for every sample, of means (n, k).

    >>> dead_dimensions(np.array([[1.0, 5.0], [2.0, 5.0]]))
    1
    """
    return int((means.std(axis=0) < DEAD_SPREAD).sum())


def require_living(means: NDArray[np.floating[Any]]) -> None:
    """Stop when every latent dimension is dead: all samples have one and the same code."""
    if dead_dimensions(means) == means.shape[1]:
        raise TrainingCollapsed(
            f"training collapsed: all {len(means)} samples have the same latent mean, so nothing can be ranked; try"
            f" a smaller"
            " weight of the objective, more epochs, or objective 'autoencoder'"
        )


def require_spread(scores: NDArray[np.floating[Any]]) -> None:
    """Stop when scores of the training data are not finite or all the same."""
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        raise TrainingCollapsed(
            f"{bad} of {len(scores)} training scores are not finite; look for extreme values in the data"
        )
    if len(scores) > 1 and np.ptp(scores) == 0:
        raise TrainingCollapsed(
            f"all {len(scores)} training scores are {scores[0]:g}, so nothing can be ranked; are the samples all"
            f" the same?"
            " Try another scorer or objective"
        )
