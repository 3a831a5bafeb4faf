"""Collections of images as data sets of a comparison: the usual ones, and the papers' own where one has them.

``galaxy_zoo`` and ``magnetic_tile`` stand for themselves. A labelled collection gives one data set per class: that
class to train on, every test image to rank. This protocol of Deep SVDD is artificial, and is here because others report
it.
"""

from collections.abc import Callable, Collection
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from poleward.benchmark.splits import DataSet, Split
from poleward.data.collections import OTHERS, TASKS, against, one_class
from poleward.data.digits import load_digits_task
from poleward.data.galaxies import galaxy_task
from poleward.data.labelled import LABELLED, TEST, TRAIN, Labelled, read_hugging_face
from poleward.data.task import Task

USUAL = ("galaxy_zoo", "magnetic_tile", "fashion_mnist")
"""Taken when nothing is asked for."""

ALSO = {"galaxy_zoo-dev": ("dev",)}
"""Further words that ask for a data set."""

N_CLASSES = {"cifar100": 100}
USUAL_CLASSES = 10

HUGGING_FACE = "hf:"
"""``--only hf:NAME`` asks the library ``datasets`` for a labelled collection."""


def data_sets(folder: Path, words: Collection[str] = ()) -> list[DataSet]:
    """Every collection that may lie in the folder, and those of Hugging Face among the words; none is read yet."""
    return [
        *(_task_set(name, partial(task, folder / place)) for name, (place, task) in TASKS.items()),
        *(_task_set(name, partial(against, folder / name, folder / "cifar10")) for name in OTHERS),
        *(one for name, read in LABELLED.items() for one in _classes(name, partial(read, folder / name))),
        *(
            one
            for word in words
            if word.startswith(HUGGING_FACE)
            for one in _classes(word, partial(read_hugging_face, word.removeprefix(HUGGING_FACE)))
        ),
    ]


def made_data_sets() -> list[DataSet]:
    """Small made galaxies, and scikit-learn's digits, for quick runs without any file."""
    made: dict[str, Callable[[int], Task]] = {
        "made_galaxies": lambda seed: galaxy_task(160, 120, odd_share=0.3, size=16, seed=seed),
        "digits": lambda seed: _fewer(load_digits_task(seed=seed), 200),
    }
    return [_task_set(name, task, usual=True) for name, task in made.items()]


def as_split(group: str, data: str, seed: int, task: Task) -> Split:
    """A task as a split."""
    return Split(group, data, seed, task.train, task.test, task.is_odd)


def _task_set(name: str, task: Callable[[int], Task], usual: bool = False) -> DataSet:
    def split(seed: int) -> Split:
        return as_split(name, name, seed, task(seed))

    return DataSet(name, name, frozenset({name, *ALSO.get(name, ())}), split, usual=usual or name in USUAL)


def _classes(name: str, read: Callable[[str], Labelled]) -> list[DataSet]:
    """One data set per class; the files are read once for all of them."""
    part = lru_cache(maxsize=2)(read)

    def of_class(normal: int) -> DataSet:
        data = f"{name}/{normal}"

        def split(seed: int) -> Split:
            return as_split(f"{name}, one class as normal", data, seed, one_class(part(TRAIN), part(TEST), normal))

        return DataSet(f"{name}, one class as normal", data, frozenset({name, data}), split, usual=name in USUAL)

    return [of_class(normal) for normal in range(N_CLASSES.get(name, USUAL_CLASSES))]


def _fewer(task: Task, most: int) -> Task:
    """The first training images, and test images of either kind in turn."""
    ranked = np.concatenate([np.flatnonzero(task.is_odd == odd)[: most // 2] for odd in (False, True)])
    return Task(task.train[:most], task.test[ranked], task.is_odd[ranked], [task.kind[row] for row in ranked])
