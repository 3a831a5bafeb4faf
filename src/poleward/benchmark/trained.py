"""Poleward's own rows: the default detector, and every objective with the published scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.benchmark.contenders import Contender, Effort, Scores, single
from poleward.benchmark.splits import Split
from poleward.data.fingerprint import fingerprints
from poleward.data.samples import numbered_columns
from poleward.detector.construction import circumstances
from poleward.detector.detector import Detector
from poleward.detector.fitting import fit_model
from poleward.detector.model import Model
from poleward.detector.ranker import member
from poleward.detector.rows import take
from poleward.detector.settings import Settings
from poleward.detector.shares import split as kept_apart
from poleward.objectives.catalogue import OBJECTIVES
from poleward.records import Encoded, Features
from poleward.scoring.catalogue import Circumstances, build_scorer
from poleward.scoring.scorer import Scorer

WAYS = {"knn": "knn", "forest": "isolation-forest", "mse": "reconstruction"}
"""Row -> scorer: the published scores, 3 nearest neighbours and Isolation Forest on the means, and the error."""

FIELDS = frozenset({"inputs", "observed", "means", "reconstructions"})


def raw(samples: NDArray[Any]) -> Any:
    """Samples as fitting takes them: images as they are, rows as a table.

    >>> raw(np.zeros((3, 2))).column_names
    ['x0', 'x1']
    """
    return numbered_columns(samples.astype(np.float64)) if samples.ndim == 2 else samples


def fitted(split: Split, settings: Settings) -> Model:
    """A detector with these settings, fitted to the split's training samples."""
    return fit_model(split.kind, raw(split.train), settings, split.seed)


def default_scores(split: Split, effort: Effort) -> Scores:
    """Poleward with nothing said."""
    return fitted(split, Detector(epochs=effort.epochs).settings()).scores(raw(split.test))


def clean_scores(split: Split, effort: Effort) -> Scores:
    """Poleward told that its training samples are normal."""
    return fitted(split, Detector(contamination=0.0, epochs=effort.epochs).settings()).scores(raw(split.test))


def objective_scores(objective: str, split: Split, effort: Effort) -> dict[str, Scores]:
    """One training with an objective, its samples encoded once, and every way to score them."""
    model = fitted(split, Detector(objective, "knn", epochs=effort.epochs).settings())
    ways = WAYS | ({"loss": "norm"} if objective == "norm" else {})
    return {f"{objective}+{way}": scores for way, scores in scored(model, split, ways).items()}


def scored(
    model: Model, split: Split, ways: Mapping[str, str], further: Mapping[str, Scorer] | None = None
) -> dict[str, Scores]:
    """Scores of the samples to rank by each of several scorers, on the same codes and reconstructions.

    ways : row -> name of a scorer
    further : row -> a scorer that has no name
    """
    features = model.preparation.encode(raw(split.test))
    ranked = model.ranker.encode(features.__getitem__, len(features), FIELDS)
    known = member(fingerprints(features), model.ranker.trained_prints)
    learned = codes_of(model, indexed(model, split))
    about = circumstances_of(model, split.seed)
    scorers = {way: build_scorer(name, about) for way, name in ways.items()} | dict(further or {})
    return {way: scorer.fit(learned).score(ranked, known) for way, scorer in scorers.items()}


def indexed(model: Model, split: Split) -> Features:
    """Prepared training samples that the network was trained on, without those kept aside for calibration."""
    rows, _ = kept_apart(len(split.train), model.settings.calibration_share, split.seed)
    return model.preparation.encode(take(raw(split.train), rows))


def codes_of(model: Model, features: Features) -> Encoded:
    """Latent means of prepared samples."""
    return model.ranker.encode(features.__getitem__, len(features), frozenset({"means"}))


def circumstances_of(model: Model, seed: int) -> Circumstances:
    """What scorers may have to know of a fitted model."""
    return circumstances(model.preparation, model.settings, model.ranker.autoencoder.objective, seed)


def _of_objective(objective: str) -> Contender:
    ways = (*WAYS, *(["loss"] if objective == "norm" else []))
    return Contender(
        objective,
        tuple(f"{objective}+{way}" for way in ways),
        lambda split, effort: objective_scores(objective, split, effort),
        first_seed_only=True,
    )


DEFAULT = single("default", default_scores, note="Detector() with nothing said")

CLEAN = single(
    "default-clean",
    clean_scores,
    note="Detector(contamination=0): training rows said to be normal",
    kinds=frozenset({"table"}),
)

OURS = (DEFAULT, CLEAN, *map(_of_objective, OBJECTIVES))
