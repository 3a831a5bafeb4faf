"""From raw samples and labels to a fitted classifier: prepare, keep some aside, train, remember, calibrate."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.calibration.conformal import Conformal
from poleward.classifier.confidence import learned_temperature
from poleward.classifier.head import head_of
from poleward.classifier.memory import Memory
from poleward.classifier.model import ClassifierModel
from poleward.classifier.network import build_network, network_input, see_all
from poleward.classifier.outlyingness import FUSED, build_outlyingness, require_scorer_of
from poleward.classifier.settings import ClassifierSettings
from poleward.data.fingerprint import data_fingerprint
from poleward.data.sketch import sketches
from poleward.detector.construction import DTYPE
from poleward.detector.fitting import Run, prepare
from poleward.detector.intake import names_of
from poleward.detector.model import BY_ALPHA
from poleward.detector.rows import SAMPLES_AT_A_TIME
from poleward.detector.samples import Samples
from poleward.detector.settings import resolve_device
from poleward.errors import SourceError
from poleward.labelled.network import LabelledNetwork
from poleward.ood.outputs import Outputs, PostHoc
from poleward.records import Features
from poleward.training.collapse import require_spread
from poleward.training.loop import Plan, supports_half_precision, train
from poleward.training.threads import one_thread_for


def fit_classifier(
    kind: str,
    data: Any,
    classes: NDArray[Any],
    labels: NDArray[np.int64],
    settings: ClassifierSettings,
    seed: int,
    run: Run | None = None,
    ids: Sequence[str] | None = None,
) -> ClassifierModel:
    """Fit a classifier to raw samples and the numbers of their classes.

    Errors
    ------
    SourceError for too few samples or data that cannot be prepared; SettingError for settings that do not fit the data;
    TrainingCollapsed when the result could not rank.
    """
    run = run or Run()
    require_scorer_of(kind, settings.scorer)
    run.on_phase("preparing")
    trained, kept_aside = split_by_class(labels, settings.calibration_share, seed)
    samples = Samples.of(prepare(kind, data, trained, settings), data)
    network = build_network(samples.preparation, settings, len(classes), seed)
    plan = training_plan(kind, len(trained), settings, seed)
    load = labelled_loader(samples, labels)
    run.on_phase("training")
    with one_thread_for(rows=kind == "table"):
        checkpoint = run.open_checkpoint(identity(samples, labels, settings, seed))
        history = train(
            network, lambda rows: load(trained[rows]), len(trained), plan, checkpoint, run.on_step, run.stop
        )
    network.to(DTYPE[kind])
    run.on_phase("calibrating")
    seen = see_all(network, load, len(labels), kind, plan.device)
    memory = remembered(samples, names_of(len(labels), ids), labels, trained, seen)
    outlyingness = learned_outlyingness(kind, settings, network, memory, plan.device)
    calibration = outlyingness.score(seen.take(memory.aside(settings.scorer == FUSED)[1]))
    require_spread(np.concatenate([calibration, outlyingness.score(seen.take(trained[: SAMPLES_AT_A_TIME[kind]]))]))
    conformal = Conformal(calibration)
    return ClassifierModel(
        settings=settings,
        classes=classes,
        preparation=samples.preparation,
        network=network,
        outlyingness=outlyingness,
        memory=memory,
        temperature=learned_temperature(seen.logits[kept_aside], labels[kept_aside]),
        conformal=conformal,
        threshold=conformal.threshold(settings.alpha),
        device=plan.device,
        history=history,
        facts={
            "kind": kind,
            "n_samples": len(labels),
            "n_trained": len(trained),
            "n_calibration": len(calibration),
            "class_counts": np.bincount(labels).tolist(),
            "calibration_accuracy": float((seen.logits[kept_aside].argmax(axis=1) == labels[kept_aside]).mean()),
            "threshold_from": BY_ALPHA,
            "n_features": seen.features.shape[1],
            "n_codes": head_of(network, seen.features[:1], plan.device)[1].shape[1],
            "epochs": plan.epochs,
            "seed": seed,
            "data_fingerprint": data_fingerprint(samples.prints),
        },
    )


def learned_outlyingness(
    kind: str, settings: ClassifierSettings, network: LabelledNetwork, memory: Memory, device: str
) -> PostHoc:
    """The score asked for, fitted to what the network says of the training samples, by their features alone."""
    known, new = said_of_memory(network, memory, settings.scorer == FUSED, device)
    n_features = known.features.shape[1]
    return build_outlyingness(settings.scorer, network, n_features, settings.n_neighbors, kind, new).fit(known)


def said_of_memory(
    network: LabelledNetwork, memory: Memory, fused: bool, device: str
) -> tuple[Outputs, Outputs | None]:
    """What the network says of the samples that it was trained on, and of those that show a fusion its scales."""

    def said_of(rows: NDArray[Any]) -> Outputs:
        features = memory.features[rows]
        logits = head_of(network, features, device)[0]
        return Outputs(features, logits, memory.labels[rows], memory.earlier[rows])

    for_scale = memory.aside(fused)[0]
    return said_of(memory.trained), said_of(for_scale) if len(for_scale) else None


def split_by_class(
    labels: NDArray[np.int64], calibration_share: float | None, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to train on and rows kept aside for calibration, at random, but one of each class is always trained on.

    calibration_share : of the samples, kept aside; None for 0.15 of them, but at most 3,000

    >>> trained, aside = split_by_class(np.array([0] * 8 + [1]), 0.5, seed=0)
    >>> len(trained), len(aside), 8 in trained
    (5, 4, True)

    Errors
    ------
    SourceError when every sample is alone in its class.
    """
    order = np.random.default_rng([seed, len(labels)]).permutation(len(labels))
    first_of_class = np.unique(labels[order], return_index=True)[1]
    others = np.delete(order, first_of_class)
    if not len(others):
        raise SourceError(
            f"each of the {len(labels)} samples is the only one of its class; at least one class needs two, one of them"
            " to calibrate with"
        )
    asked = min(USUAL_SHARE * len(labels), MOST_ASIDE) if calibration_share is None else calibration_share * len(labels)
    n_aside = min(max(1, round(asked)), len(others))
    aside = np.sort(others[-n_aside:])
    return np.setdiff1d(order, aside), aside


USUAL_SHARE, MOST_ASIDE = 0.15, 3000
"""Three quarters of them calibrate: the share of false alarms at level 0.05 is then right to within 0.005, one standard
deviation."""


def labelled_loader(samples: Samples, labels: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], Features]:
    """A function that gives the network's inputs of the given rows, with their labels."""
    with_mask = samples.preparation.has_missing

    def load(rows: NDArray[np.int64]) -> Features:
        features = samples.load(rows)
        return network_input(Features(features.values, features.observed, labels[rows]), with_mask)

    return load


def training_plan(kind: str, n_samples: int, settings: ClassifierSettings, seed: int) -> Plan:
    """How long, how fast and where to train."""
    device = resolve_device(settings.device)
    images = kind == "images"
    return Plan(
        epochs=settings.epochs_for(kind, n_samples),
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate_for(kind),
        seed=seed,
        device=device,
        half_precision=images and supports_half_precision(device),
        optimizer="muon" if images else "adam",
        schedule="one-cycle" if images else "cosine",
        weight_decay=WEIGHT_DECAY if images else 0.0,
    )


WEIGHT_DECAY = 5e-4
"""Of the image networks."""


def remembered(
    samples: Samples, ids: Sequence[str], labels: NDArray[np.int64], rows: NDArray[np.int64], seen: Outputs
) -> Memory:
    """The samples as the model keeps them; ``rows`` are those that were trained on."""
    trained = np.zeros(len(labels), bool)
    trained[rows] = True
    size = SAMPLES_AT_A_TIME[samples.preparation.kind]
    every = np.arange(len(labels))
    parts = [sketches(samples.load(every[start : start + size])) for start in range(0, len(every), size)]
    return Memory(tuple(ids), samples.prints, labels, trained, seen.features, seen.earlier, np.concatenate(parts))


def identity(samples: Samples, labels: NDArray[np.int64], settings: ClassifierSettings, seed: int) -> str:
    """Names the run by its data, labels and settings, so that a checkpoint of another one is refused."""
    content = samples.prints.tobytes() + labels.tobytes()
    said = json.dumps(asdict(settings), sort_keys=True, default=str)
    return f"{hashlib.sha256(content).hexdigest()} {seed} {hashlib.sha256(said.encode()).hexdigest()[:16]}"
