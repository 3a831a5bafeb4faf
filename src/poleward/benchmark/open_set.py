"""Classifiers that should know what they do not know: every class objective under every score, on the same training.

CIFAR-10 against sets of other images through the same codec, near and far; two classes of it left out, to choose on;
and Fashion-MNIST with two neighbouring classes left out, all ten rotations. A network is trained once for an objective,
a seed and a set of classes, whatever it is ranked against.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from poleward.benchmark.comparison import DEFAULT
from poleward.benchmark.contenders import Contender, Effort, Scores
from poleward.benchmark.published import PURE
from poleward.benchmark.released import released_rows, released_scores
from poleward.benchmark.splits import DataSet, Split
from poleward.classifier.classifier import OpenSetClassifier
from poleward.classifier.fitting import fit_classifier
from poleward.classifier.head import head_of
from poleward.classifier.model import ClassifierModel
from poleward.classifier.outlyingness import SCORERS, build_outlyingness
from poleward.data.digits import load_digits_task
from poleward.data.labelled import TEST, TRAIN, Labelled, read_cifar, read_fashion_mnist, read_images
from poleward.errors import SettingError
from poleward.labelled.network import LabelledNetwork
from poleward.objectives.classes.catalogue import CLASS_OBJECTIVES, build_class_objective
from poleward.ood.outputs import Outputs

NEAR, FAR, DEV, ROTATIONS = "near", "far", "dev", "rotations"
AGAINST = {"tin_nonoverlap": NEAR, "textures": FAR, "fashion_mnist": FAR, "galaxies": FAR}
"""Sets below ``ood32`` that CIFAR-10 is ranked against."""

LEFT_OUT = ((2, 9), (0, 5), (3, 8), (1, 6))
"""Pairs of CIFAR-10's classes that are left out to choose on."""

WEIGHTS = "published_cifar10_full_z128.safetensors"

PROBED, N_PROBED = 8, 3
"""Features and classes of the heads that are asked which scores they allow."""

EPOCHS = 4
"""Of an objective with one view of each image; one with more views has fewer, for the same cost."""


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


class Trainings:
    """Fitted networks by what they were trained on: none is trained twice in one run."""

    def __init__(self) -> None:
        self.models: dict[tuple[Any, ...], ClassifierModel] = {}

    def model(self, objective: str, split: ClassSplit, effort: Effort) -> ClassifierModel:
        """The network of an objective, trained on the split's training samples."""
        settings = OpenSetClassifier(objective=objective, epochs=epochs_of(objective, effort)).settings()
        key = (settings.objective, settings.epochs, split.seed, len(split.train), tuple(np.unique(split.labels)))
        if key not in self.models:
            classes, numbers = np.unique(split.labels, return_inverse=True)
            self.models[key] = fit_classifier("images", split.train, classes, numbers, settings, split.seed)
        return self.models[key]


def epochs_of(objective: str, effort: Effort) -> int:
    """Passes over the data at the same cost for every objective: the more views, the fewer.

    >>> epochs_of("cross-entropy", Effort()), epochs_of("sup-con", Effort())
    (4, 2)
    """
    if effort.epochs is not None:
        return effort.epochs
    views = CLASS_OBJECTIVES[objective](1, 2).views
    return max(1, EPOCHS // views)


def released(split: Split, effort: Effort) -> dict[str, Scores]:
    """Row -> scores of the released weights, where they are and were trained on just these samples."""
    weights = with_classes(split).weights
    if weights is None or not weights.is_file():
        raise SettingError(f"there are no released weights for {split.data}")
    return released_scores(weights, split)


RELEASED = Contender(
    "released",
    tuple(released_rows()),
    released,
    "the published network with its released weights, 300 epochs; scored by neighbours of its latent means",
    kinds=frozenset({"images"}),
    first_seed_only=True,
    apart=frozenset(row for row in released_rows() if row.endswith(PURE)),
)


def contenders() -> list[Contender]:
    """One for each class objective, with a row for every score that its head allows, and the released network."""
    trainings = Trainings()
    ours = [
        Contender(
            objective,
            tuple(row_name(objective, score) for score in scores_of(objective)),
            partial(scores, objective, trainings),
            kinds=frozenset({"images"}),
            also=partial(accuracy, objective, trainings),
        )
        for objective in CLASS_OBJECTIVES
    ]
    return [*ours, RELEASED]


def row_name(objective: str, score: str) -> str:
    """The row of an objective under a score; what `OpenSetClassifier` does when nothing is said is the default."""
    usual = OpenSetClassifier()
    return DEFAULT if (objective, score) == (usual.objective, usual.scorer) else f"{objective}+{score}"


def scores_of(objective: str) -> list[str]:
    """The scores that an objective's head allows: some need logits that are linear in the features."""
    network = LabelledNetwork(torch.nn.Identity(), build_class_objective(objective, PROBED, N_PROBED))
    return [name for name in SCORERS if _allowed(name, network)]


def _allowed(name: str, network: LabelledNetwork) -> bool:
    try:
        build_outlyingness(name, network, PROBED, 1)
    except SettingError:
        return False
    return True


def scores(objective: str, trainings: Trainings, split: Split, effort: Effort) -> dict[str, Scores]:
    """Row -> scores of one training."""
    model = trainings.model(objective, with_classes(split), effort)
    seen, memory = model.seen(split.test), model.memory
    n_features = memory.features.shape[1]
    logits = head_of(model.network, memory.features, model.device)[0]
    known = Outputs(memory.features, logits, memory.labels).take(memory.trained)
    return {
        row_name(objective, name): build_outlyingness(name, model.network, n_features, model.settings.n_neighbors)
        .fit(known)
        .score(seen)
        for name in scores_of(objective)
    }


def accuracy(objective: str, trainings: Trainings, split: Split, effort: Effort) -> dict[str, float]:
    """Share of the normal samples among those to rank whose class is the one predicted."""
    classed = with_classes(split)
    model, normal = trainings.model(objective, classed, effort), ~split.is_anomaly
    predicted = model.classes[model.seen(split.test[normal]).predicted]
    return {"accuracy": float((predicted == classed.test_labels[normal]).mean())}


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
    return [
        *(_against(name, cifar, folder / "ood32", weights) for name in AGAINST),
        *(_left_out("CIFAR-10, two classes left out", f"cifar10-{a}-{b}", DEV, cifar, (a, b)) for a, b in LEFT_OUT),
        *(
            _left_out("Fashion-MNIST, two classes left out", f"fashion-{c}", ROTATIONS, fashion, (c, (c + 1) % 10))
            for c in range(10)
        ),
    ]


def made_data_sets() -> list[DataSet]:
    """Digits with two left out, for quick runs without any file."""

    def digits(part: str) -> Labelled:
        task = load_digits_task(seed=0)
        rows = slice(0, None, 3) if part == TRAIN else slice(1, None, 9)
        return Labelled(task.test[rows], np.array(task.kind, np.int64)[rows])

    return [_left_out("digits, two left out", "digits", "", digits, (3, 8), usual=True)]


def _against(name: str, cifar: Callable[[str], Labelled], folder: Path, weights: Path) -> DataSet:
    group = f"CIFAR-10, {AGAINST[name]}"

    def split(seed: int) -> ClassSplit:
        return ClassSplit.of(
            group, name, seed, cifar(TRAIN), cifar(TEST), read_images(folder / f"{name}.parquet"), weights
        )

    return DataSet(group, name, frozenset({name, AGAINST[name]}), split)


def _left_out(
    group: str, name: str, word: str, read: Callable[[str], Labelled], out: Sequence[int], usual: bool = False
) -> DataSet:
    def split(seed: int) -> ClassSplit:
        train, test = (read(part) for part in (TRAIN, TEST))
        kept, known = (~np.isin(part.labels, out) for part in (train, test))
        return ClassSplit.of(
            group,
            name,
            seed,
            Labelled(train.images[kept], train.labels[kept]),
            Labelled(test.images[known], test.labels[known]),
            test.images[~known],
        )

    return DataSet(group, name, frozenset({name, word} - {""}), split, usual=usual)
