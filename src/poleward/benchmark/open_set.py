"""Classifiers that should know what they do not know: every class objective under every score, on the same training.

A network is trained once for an objective, a seed and a set of classes, whatever it is ranked against.
"""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from poleward.benchmark.class_splits import ClassSplit, with_classes
from poleward.benchmark.comparison import DEFAULT
from poleward.benchmark.contenders import Contender, Effort, Scores
from poleward.benchmark.published import PURE
from poleward.benchmark.released import released_rows, released_scores
from poleward.benchmark.splits import Split
from poleward.classifier.classifier import OpenSetClassifier
from poleward.classifier.fitting import fit_classifier, said_of_memory
from poleward.classifier.head import head_of
from poleward.classifier.model import ClassifierModel
from poleward.classifier.network import network_input
from poleward.classifier.outlyingness import NEAREST_CODES, SCORERS, build_outlyingness
from poleward.classifier.settings import LEARNING_RATES, ClassifierSettings
from poleward.detector.rows import prepared_runs
from poleward.detector.settings import resolve_device
from poleward.errors import SettingError
from poleward.labelled.network import LabelledNetwork
from poleward.objectives.classes.catalogue import CLASS_OBJECTIVES, build_class_objective
from poleward.ood.odin import ODIN
from poleward.ood.outputs import Outputs
from poleward.records import Encoded
from poleward.scoring.knn import KNearest
from poleward.scoring.views import Plain

PROBED, N_PROBED = 8, 3
"""Features and classes of the heads that are asked which scores they allow."""


@dataclass(frozen=True)
class Budget:
    """How large a network, and for how long it is trained.

    epochs : of an objective with one view of each image; one with more views has fewer, for the same cost
    """

    width: int
    epochs: int
    batch_size: int = 128

    def settings(self, objective: str) -> ClassifierSettings:
        """The classifier's, with a learning rate in proportion to the batch."""
        return OpenSetClassifier(
            objective=objective,
            width=self.width,
            epochs=epochs_of(objective, self),
            batch_size=self.batch_size,
            learning_rate=LEARNING_RATES["images"] * self.batch_size / Budget.batch_size,
        ).settings()

    def under(self, effort: Effort) -> "Budget":
        """With the epochs that an effort names."""
        return self if effort.epochs is None else replace(self, epochs=effort.epochs)


USUAL = ""
BUDGETS = {USUAL: Budget(32, 6), "-short": Budget(16, 4), "-hour": Budget(48, 29, 256), "-gpu": Budget(96, 64, 384)}
"""By what is added to an objective's name: minutes of a CPU core, one or two of them, an hour, minutes of a GPU."""

INPUT_SCORE = "odin"
"""The score that needs the network itself."""

PUBLISHED_SCORE = "3nn-codes"
"""The published score, distances to 3 neighbours, of the codes of an objective that places any, as they are."""

ACCURACY = "accuracy"


@dataclass
class Trained:
    """A fitted classifier, what its fitting cost, and what it said of images that it was shown.

    minutes : CPU minutes of the process, or minutes by the clock where a GPU trains
    said : digest of some images -> score by name, and predicted classes
    """

    objective: str
    model: ClassifierModel
    minutes: float
    said: dict[str, tuple[dict[str, Scores], NDArray[Any]]] = field(default_factory=dict)

    def judged(self, images: NDArray[Any]) -> tuple[dict[str, Scores], NDArray[Any]]:
        """Scores by name and predicted classes; the same images are looked at once."""
        key = hashlib.sha256(np.ascontiguousarray(images).tobytes()).hexdigest()
        if key not in self.said:
            seen = self.model.seen(images)
            found = dict(self._scores(seen))
            found[INPUT_SCORE] = self._odin(images)
            self.said[key] = found, self.model.classes[seen.predicted]
        return self.said[key]

    def _scores(self, seen: Outputs) -> Iterator[tuple[str, Scores]]:
        model = self.model
        known, new = said_of_memory(model.network, model.memory, True, model.device)
        n_features, n_neighbors = known.features.shape[1], model.settings.n_neighbors
        for name in feature_scores(self.objective):
            score = build_outlyingness(name, model.network, n_features, n_neighbors, new=new)
            yield name, score.fit(known).score(seen)
        if places_codes(self.objective):
            codes, asked = (
                Encoded(means=head_of(model.network, one.features, model.device)[1]) for one in (known, seen)
            )
            yield PUBLISHED_SCORE, KNearest("means", Plain()).fit(codes).score(asked, np.zeros(len(seen), bool))

    def _odin(self, images: NDArray[Any]) -> Scores:
        score = ODIN(Whole(self.model.network).eval())
        runs = prepared_runs(self.model.preparation, images)
        inputs = (network_input(features, self.model.preparation.has_missing).values for features in runs)
        return np.concatenate([score.score(torch.as_tensor(one).to(self.model.device)) for one in inputs])


class Whole(nn.Module):
    """Inputs -> logits of a network with its objective's head."""

    def __init__(self, network: LabelledNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, *shape) -> (b, classes)."""
        return self.network.objective.logits(self.network(x))


class Trainings:
    """Fitted classifiers by what they were trained on: none is trained twice, and those of other classes are let go."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, Budget, int], Trained] = {}
        self.on: tuple[int, ...] = ()

    def of(self, objective: str, budget: "Budget", split: ClassSplit) -> Trained:
        """The classifier of an objective, trained on the split's training samples."""
        classes, numbers = np.unique(split.labels, return_inverse=True)
        on = (len(split.train), *classes.tolist())
        if on != self.on:
            self.held, self.on = {}, on
        key = objective, budget, split.seed
        if key not in self.held:
            settings = budget.settings(objective)
            clock = time.process_time if resolve_device(settings.device) == "cpu" else time.perf_counter
            start = clock()
            model = fit_classifier("images", split.train, classes, numbers, settings, split.seed)
            self.held[key] = Trained(objective, model, (clock() - start) / 60)
        return self.held[key]


def epochs_of(objective: str, budget: Budget) -> int:
    """Passes over the data at the same cost for every objective: the more views, the fewer.

    >>> epochs_of("cross-entropy", Budget(32, 6)), epochs_of("sup-con", Budget(32, 6))
    (6, 3)
    """
    return max(1, budget.epochs // CLASS_OBJECTIVES[objective](1, 2).views)


def contenders() -> list[Contender]:
    """One for each class objective and budget, with a row for every score that its head allows; the released network.

    Another budget than the usual one is spent only where it is asked for.
    """
    trainings = Trainings()
    ours = [
        Contender(
            objective + length,
            tuple(row_name(objective, length, score) for score in scores_of(objective)),
            partial(scores, objective, length, trainings),
            f"width {budget.width}, {epochs_of(objective, budget)} epochs" if length else "",
            kinds=frozenset({"images"}),
            also=partial(further, objective, length, trainings),
            asked_only=length != USUAL,
        )
        for length, budget in BUDGETS.items()
        for objective in CLASS_OBJECTIVES
    ]
    return [*ours, RELEASED]


def row_name(objective: str, length: str, score: str) -> str:
    """The row of an objective, a budget and a score; what `OpenSetClassifier` does when nothing is said is the default.

    >>> row_name("islands", "-hour", "msp")
    'islands-hour+msp'
    """
    usual = OpenSetClassifier()
    is_default = (objective, score) == (usual.objective, usual.scorer)
    return DEFAULT + length if is_default else f"{objective}{length}+{score}"


def scores_of(objective: str) -> list[str]:
    """The scores that an objective's head allows."""
    return [*feature_scores(objective), *([PUBLISHED_SCORE] if places_codes(objective) else []), INPUT_SCORE]


def feature_scores(objective: str) -> list[str]:
    """Those of what the network makes of an image.

    Some need logits that are linear in the features; where codes are the features, those of codes are there twice.
    """
    network = LabelledNetwork(nn.Identity(), build_class_objective(objective, PROBED, N_PROBED))
    twice = () if places_codes(objective) else (NEAREST_CODES,)
    return [name for name in SCORERS if name not in twice and _allowed(name, network)]


def places_codes(objective: str) -> bool:
    """Whether an objective shapes a space of its own beside the features."""
    return build_class_objective(objective, PROBED, N_PROBED).places_codes


def _allowed(name: str, network: LabelledNetwork) -> bool:
    try:
        build_outlyingness(name, network, PROBED, 1)
    except SettingError:
        return False
    return True


def scores(objective: str, length: str, trainings: Trainings, split: Split, effort: Effort) -> dict[str, Scores]:
    """Row -> scores of one training."""
    trained = trainings.of(objective, BUDGETS[length].under(effort), with_classes(split))
    found = {kind: trained.judged(split.test[split.is_anomaly == kind])[0] for kind in (False, True)}
    joined = {name: np.empty(len(split.test)) for name in found[False]}
    for name, values in joined.items():
        for kind, of_kind in found.items():
            values[split.is_anomaly == kind] = of_kind[name]
    return {row_name(objective, length, name): values for name, values in joined.items()}


def further(objective: str, length: str, trainings: Trainings, split: Split, effort: Effort) -> dict[str, float]:
    """Share of the normal samples among those to rank whose class is the one predicted; minutes of training."""
    classed, normal = with_classes(split), ~split.is_anomaly
    trained = trainings.of(objective, BUDGETS[length].under(effort), classed)
    predicted = trained.judged(split.test[normal])[1]
    minutes = "training_minutes" if trained.model.device == "cpu" else "gpu_minutes"
    return {ACCURACY: float((predicted == classed.test_labels[normal]).mean()), minutes: trained.minutes}


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
