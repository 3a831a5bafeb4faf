"""Images that the suite ``generation`` learns from: real ones beside the checkout, and made ones for quick runs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from poleward.benchmark.generation import Gallery
from poleward.data.collections import galaxy_zoo, one_class
from poleward.data.digits import load_digits_task
from poleward.data.galaxies import galaxy_task
from poleward.data.labelled import TEST, TRAIN, Labelled, read_fashion_mnist
from poleward.data.task import Task

N_JUDGED = 2000
"""Images on which the norm model is judged after every epoch."""

PARTS = ("fashion_mnist", "galaxy_zoo")
"""With classes and without."""

Galleries = dict[str, Callable[[int], Gallery]]


def real(folder: Path) -> Galleries:
    """Part -> (seed -> gallery), from the data folder."""
    return {
        "fashion_mnist": lambda seed: Gallery.of_labelled("fashion_mnist", *fashion(folder), seed),
        "galaxy_zoo": lambda seed: Gallery.of_task("galaxy_zoo", galaxy_zoo(folder / "galaxy_zoo", TEST)),
    }


def made() -> Galleries:
    """Digits, and made galaxies, in their places."""
    return {
        "fashion_mnist": digits,
        "galaxy_zoo": lambda seed: Gallery.of_task("made_galaxies", made_task(seed)),
    }


def fashion(folder: Path) -> tuple[Labelled, Labelled]:
    """Fashion-MNIST's two parts."""
    place = folder / "fashion_mnist"
    return read_fashion_mnist(place, TRAIN), read_fashion_mnist(place, TEST)


def norm_task(folder: Path, seed: int) -> Task:
    """Fashion-MNIST with its first class as normal, and 2,000 images to judge, drawn by the seed."""
    task = one_class(*fashion(folder), normal=0)
    kept = np.random.default_rng(seed).permutation(len(task.test))[:N_JUDGED]
    return Task(task.train, task.test[kept], task.is_odd[kept], [task.kind[row] for row in kept])


def digits(seed: int) -> Gallery:
    """scikit-learn's digits, every second one held out."""
    task = load_digits_task(seed=seed)
    images, labels = task.test, np.array(task.kind, np.int64)
    train, test = (Labelled(images[part::2], labels[part::2]) for part in (0, 1))
    return Gallery.of_labelled("digits", train, test, seed)


def made_task(seed: int) -> Task:
    """Small made galaxies."""
    return galaxy_task(160, 120, odd_share=0.3, size=16, seed=seed)
