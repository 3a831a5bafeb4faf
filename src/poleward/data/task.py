"""What an anomaly task hands over: samples to learn from, and labelled ones to judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Task:
    """Normal images to learn from, and others to judge, some of them odd.

    train : (n_train, height, width, bands), all normal; uint8, or what numbers a collection has
    test : (n_test, height, width, bands)
    is_odd : (n_test,) bool
    kind : n_test names: what each test image shows
    """

    train: NDArray[Any]
    test: NDArray[Any]
    is_odd: NDArray[np.bool_]
    kind: Sequence[str]
