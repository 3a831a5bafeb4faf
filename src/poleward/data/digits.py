"""Handwritten digits of 13 people as an anomaly task: scikit-learn's copy, which comes with its installation.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository (1998).
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from poleward.data.task import Task
from poleward.errors import SettingError

TRAINING_SHARE = 0.7


def load_digits_task(seed: int = 0, odd_digit: int = 9) -> Task:
    """Every digit but one to learn from; the others of them, and all of the odd one, to judge.

    Images are (8, 8, 1) uint8, the published 0 (paper) to 16 (ink) times 15, so that they
    show. 70 % of the normal images are for training.

    seed : 0 or more; decides which normal images are held out, and the order of both sets
    odd_digit : 0 to 9; nines have as much ink as the others

    Raises ``SettingError`` for another digit or a negative seed.

    >>> task = load_digits_task(odd_digit=3)
    >>> task.train.shape[1:], int(task.is_odd.sum())  # there are 183 threes
    ((8, 8, 1), 183)
    """
    if not 0 <= odd_digit <= 9:
        raise SettingError(f"digits: odd_digit is one of 0 to 9; found {odd_digit}")
    if seed < 0:
        raise SettingError(f"digits: seed is a whole number from 0; found {seed}")
    images, digit = _digits()
    rng = np.random.default_rng(seed)
    normal = rng.permutation(np.flatnonzero(digit != odd_digit))
    n_train = round(TRAINING_SHARE * len(normal))
    test = rng.permutation(np.concatenate([normal[n_train:], np.flatnonzero(digit == odd_digit)]))
    names = [str(name) for name in digit[test]]
    return Task(images[normal[:n_train]], images[test], digit[test] == odd_digit, names)


def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    bundled = load_digits()
    return 15 * bundled.images.astype(np.uint8)[..., None], bundled.target.astype(np.int64)
