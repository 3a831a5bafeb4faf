"""What an anomaly task hands over: samples to learn from, and labelled ones to judge."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Task:
    """Normal images to learn from, and others to judge, some of them odd.

    train : (n_train, height, width, bands) uint8, all normal
    test : (n_test, height, width, bands) uint8
    is_odd : (n_test,) bool
    kind : n_test names: what each test image shows
    """

    train: NDArray[np.uint8]
    test: NDArray[np.uint8]
    is_odd: NDArray[np.bool_]
    kind: Sequence[str]
