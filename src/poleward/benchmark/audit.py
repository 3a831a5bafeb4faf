"""Labels made wrong, and how many of them an audit lists first, beside what neighbours on the input alone would say."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from poleward.benchmark.measuring import Interval
from poleward.benchmark.record import Figure
from poleward.classifier.classifier import OpenSetClassifier
from poleward.data.digits import load_digits_task
from poleward.data.labelled import TRAIN, read_fashion_mnist
from poleward.data.tables import read_table
from poleward.detector.rows import prepared_runs
from poleward.metrics.ranking import average_precision, precision_at

SHARE = 0.03
"""Of the labels that are made wrong, each at random among the other classes."""

N_SAMPLES = 5000
FEWEST = 60
"""Samples of a class that takes part."""

NEIGHBORS = (5, 10, 20, 40)
LIKELY = 0.5

Labelled = tuple[Any, NDArray[Any]]


@dataclass(frozen=True)
class Found:
    """What one audit found, and how right it was.

    precision : share of wrong labels among as many at the head of the list as there are wrong ones
    average_precision : labels that are not listed share the last place
    likely, believed : share of wrong labels among those listed as likelier wrong than right, and what was said of them
    """

    precision: float
    average_precision: float
    likely: float
    believed: float


def fashion_mnist(folder: Path, seed: int) -> Labelled:
    """5,000 training images."""
    known = read_fashion_mnist(folder / "fashion_mnist", TRAIN)
    rows = np.sort(np.random.default_rng(seed).permutation(len(known.labels))[:N_SAMPLES])
    return known.images[rows], known.labels[rows]


def nsl_kdd(folder: Path, seed: int) -> Labelled:
    """5,000 training rows of kinds of traffic that are not rare."""
    table = read_table(folder / "nsl_kdd" / "train.csv.gz")
    labels = table.column("label").to_numpy(zero_copy_only=False).astype(str)
    names, counts = np.unique(labels, return_counts=True)
    usual = np.flatnonzero(np.isin(labels, names[counts >= FEWEST]))
    rows = np.sort(np.random.default_rng(seed).permutation(usual)[:N_SAMPLES])
    return table.drop_columns(["label", "difficulty"]).take(rows), labels[rows]


def digits(seed: int) -> Labelled:
    """Handwritten digits, which need no file."""
    task = load_digits_task(seed)
    return task.test, np.array(task.kind)


def made_wrong(labels: NDArray[Any], share: float, seed: int) -> NDArray[Any]:
    """A copy in which a share of the labels is another class's.

    >>> wrong = made_wrong(np.arange(100) % 4, share=0.1, seed=0)
    >>> int((wrong != np.arange(100) % 4).sum())
    10
    """
    rng = np.random.default_rng(seed)
    classes, numbers = np.unique(labels, return_inverse=True)
    rows = rng.permutation(len(labels))[: round(share * len(labels))]
    numbers[rows] = (numbers[rows] + rng.integers(1, len(classes), len(rows))) % len(classes)
    return np.asarray(classes[numbers])


def figures(
    name: str,
    read: Callable[[int], Labelled],
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    say: Callable[[str], None],
) -> Iterator[Figure]:
    """An audit of labels of which 3 % are wrong, and neighbours on the input; each seed draws, flips and trains anew.

    read : seed -> samples and labels
    settings : of the classifier
    """
    found = []
    for seed in seeds:
        samples, labels = read(seed)
        given = made_wrong(labels, SHARE, seed)
        fitted = OpenSetClassifier(**settings, random_state=seed).fit(samples, given)
        found.append(compared(fitted, samples, given, given != labels))
        say(f"{name}, seed {seed}: {found[-1][0]}, neighbours {found[-1][1]:.3f} {found[-1][2]:.3f}")

    def mean(what: str, values: Sequence[float], beside: Sequence[float] = ()) -> Figure:
        goal = f"above neighbours on the input, {np.mean(beside):.3f}" if beside else ""
        met = bool(np.mean(values) > np.mean(beside)) if beside else None
        return Figure(f"{name}: {what}", Interval.of_mean(np.array(values)), goal, met)

    audits, precision, average = zip(*found, strict=True)
    yield mean("wrong among as many listed first", [one.precision for one in audits], precision)
    yield mean("average precision", [one.average_precision for one in audits], average)
    yield mean("wrong among those listed above 0.5", [one.likely for one in audits])
    yield mean("mean probability said of these", [one.believed for one in audits])


def compared(
    classifier: OpenSetClassifier, samples: Any, given: NDArray[Any], is_wrong: NDArray[np.bool_]
) -> tuple[Found, float, float]:
    """The audit's figures; precision and average precision of neighbours on the prepared input, each at its best k."""
    said = np.zeros(len(given))
    for doubt in classifier.audit(samples).doubts:
        said[int(doubt.id)] = doubt.probability
    likely, n_wrong = said > LIKELY, int(is_wrong.sum())
    audit = Found(
        precision_at(is_wrong, said, n_wrong),
        average_precision(is_wrong, said),
        float(is_wrong[likely].mean()) if likely.any() else float("nan"),
        float(said[likely].mean()) if likely.any() else float("nan"),
    )
    runs = prepared_runs(classifier.model_.preparation, classifier.raw(samples))
    cells = np.concatenate([run.values.reshape(len(run), -1) for run in runs])
    votes = [_disagreement(cells, given, k) for k in NEIGHBORS]
    best = max(precision_at(is_wrong, vote, n_wrong) for vote in votes)
    return audit, best, max(average_precision(is_wrong, vote) for vote in votes)


def _disagreement(cells: NDArray[np.floating[Any]], given: NDArray[Any], k: int) -> NDArray[np.float64]:
    """Share of the k nearest other samples with another label."""
    near = NearestNeighbors(n_neighbors=k).fit(cells).kneighbors(return_distance=False)
    return np.asarray((given[near] != given[:, None]).mean(axis=1))
