"""Splits whose normal samples have classes: CIFAR-10 against other images, and collections with two classes left out.

Nothing that is chosen on is reported on: ``dev`` ranks images of CIFAR-10's training part alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.benchmark.splits import DataSet, Split
from poleward.data.digits import load_digits_task
from poleward.data.labelled import TEST, TRAIN, Labelled, read_cifar, read_fashion_mnist, read_images
from poleward.errors import SettingError

NEAR, FAR, DEV, ROTATIONS = "near", "far", "dev", "rotations"
AGAINST = {"tin_nonoverlap": NEAR, "textures": FAR, "fashion_mnist": FAR, "galaxies": FAR}
"""Sets below ``ood32`` that CIFAR-10 is ranked against."""

LEFT_OUT = ((2, 9), (0, 5), (3, 8), (1, 6))
"""Pairs of CIFAR-10's classes that are left out to choose on."""

HELD_OUT = 10
"""One in so many images of CIFAR-10's training part is ranked instead, to choose on."""

WEIGHTS = "published_cifar10_full_z128.safetensors"

Parts = tuple[Labelled, Labelled]
"""Images to train on, and images to rank."""


@dataclass(frozen=True)
class ClassSplit(Split):
    """A split whose training samples, and the normal ones among those to rank, have classes.

    labels : (n,) class names of the training samples
    test_labels : (m,) of those to rank; of anomalies they mean nothing
    weights : file of a network that was trained on just these samples, if there is one
    """

    labels: NDArray[Any] = field(default_factory=lambda: np.empty(0))
    test_labels: NDArray[Any] = field(default_factory=lambda: np.empty(0))
    weights: Path | None = None

    @classmethod
    def of(
        cls,
        group: str,
        data: str,
        seed: int,
        train: Labelled,
        normal: Labelled,
        others: NDArray[Any],
        weights: Path | None = None,
    ) -> "ClassSplit":
        """Train on one set, rank another one of the same classes and images of none."""
        return cls(
            group,
            data,
            seed,
            train.images,
            np.concatenate([normal.images, others]),
            np.repeat([False, True], [len(normal.images), len(others)]),
            train.labels,
            np.concatenate([normal.labels, np.full(len(others), -1)]),
            weights,
        )


def with_classes(split: Split) -> ClassSplit:
    """The split, if it has classes."""
    if not isinstance(split, ClassSplit):
        raise SettingError(f"{split.data} has no classes to learn")
    return split


def data_sets(folder: Path) -> list[DataSet]:
    """CIFAR-10 against every set, its left-out pairs, and Fashion-MNIST's rotations; none is read yet."""
    cifar = cache(lambda part: read_cifar(folder / "cifar10", part))
    fashion = cache(lambda part: read_fashion_mnist(folder / "fashion_mnist", part))
    weights = folder.parent / "reference" / WEIGHTS

    def chosen_on() -> Parts:
        return held_out(cifar(TRAIN))

    def rotated() -> Parts:
        return fashion(TRAIN), fashion(TEST)

    return [
        *(_against(name, cifar, folder / "ood32", weights) for name in AGAINST),
        *(_left_out("CIFAR-10, two classes left out", f"cifar10-{a}-{b}", DEV, chosen_on, (a, b)) for a, b in LEFT_OUT),
        *(
            _left_out("Fashion-MNIST, two classes left out", f"fashion-{c}", ROTATIONS, rotated, (c, (c + 1) % 10))
            for c in range(10)
        ),
    ]


def made_data_sets() -> list[DataSet]:
    """Digits with two left out, for quick runs without any file."""

    def digits() -> Parts:
        task = load_digits_task(seed=0)
        classes = np.array(task.kind, np.int64)
        return Labelled(task.test[::3], classes[::3]), Labelled(task.test[1::9], classes[1::9])

    return [_left_out("digits, two left out", "digits", "", digits, (3, 8), usual=True)]


def held_out(part: Labelled) -> Parts:
    """All but every tenth image, and every tenth.

    >>> [len(some.labels) for some in held_out(Labelled(np.zeros((20, 1, 1, 1)), np.arange(20)))]
    [18, 2]
    """
    ranked = np.arange(len(part.labels)) % HELD_OUT == 0
    return _rows(part, ~ranked), _rows(part, ranked)


def _rows(part: Labelled, rows: NDArray[np.bool_]) -> Labelled:
    return Labelled(part.images[rows], part.labels[rows])


def _against(name: str, cifar: Callable[[str], Labelled], folder: Path, weights: Path) -> DataSet:
    group = f"CIFAR-10, {AGAINST[name]}"

    def split(seed: int) -> ClassSplit:
        return ClassSplit.of(
            group, name, seed, cifar(TRAIN), cifar(TEST), read_images(folder / f"{name}.parquet"), weights
        )

    return DataSet(group, name, frozenset({name, AGAINST[name]}), split)


def _left_out(
    group: str, name: str, word: str, read: Callable[[], Parts], out: Sequence[int], usual: bool = False
) -> DataSet:
    def split(seed: int) -> ClassSplit:
        train, ranked = read()
        others = np.isin(ranked.labels, out)
        kept = _rows(train, ~np.isin(train.labels, out))
        return ClassSplit.of(group, name, seed, kept, _rows(ranked, ~others), ranked.images[others])

    return DataSet(group, name, frozenset({name, word} - {""}), split, usual=usual)
