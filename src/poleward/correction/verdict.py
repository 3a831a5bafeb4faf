"""What is read in the cells of one column, and what is believed of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

DIRTY = 0.05
"""Prior probability that a cell is wrong (Eduardo et al. 2020)."""

FARTHEST_VALUE = 4.0
"""Standard deviations from the mean up to which the network sees a number."""


TO_BE_RIGHT, TO_BE_NEARER = 0.9, 0.7
"""Smallest support for a cell to be changed, where the new value is to be right, and where it is to be nearer."""


@dataclass(frozen=True)
class Verdict:
    """What is believed of cells, given the other cells of their rows.

    wrong : probability that the cell is wrong, in [0, 1]
    choice : slot of the value that would stand there instead
    support : probability that the cell is wrong and that just this value is meant, in [0, wrong]; for a number among
        many values, that the cell is wrong, if the value lies in another slot, else 0
    number : the value itself, where it is not the typical one of its slot, else NaN
    evidence : ln of the probability that the cell is as it stands, right or wrong; 0 where it holds no value
    """

    wrong: Float64[np.ndarray, " n"]
    choice: Int64[np.ndarray, " n"]
    support: Float64[np.ndarray, " n"]
    number: Float64[np.ndarray, " n"]
    evidence: Float64[np.ndarray, " n"]


def wrong_if_missing(share_missing: float, n_slots: int) -> float:
    """Probability that an empty cell should hold a value: a wrong cell is as likely empty as any value of its column.

    >>> wrong_if_missing(0.0, 9)
    1.0
    >>> round(wrong_if_missing(0.5, 9), 4)  # 0.005 / (0.475 + 0.005)
    0.0104
    """
    wrong = DIRTY / (n_slots + 1)
    return wrong / ((1 - DIRTY) * share_missing + wrong)
