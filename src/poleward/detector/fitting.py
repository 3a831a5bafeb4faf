"""From raw training samples to a fitted model: prepare, keep some aside, train, index, calibrate."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from poleward.autoencoder.autoencoder import Autoencoder
from poleward.calibration.conformal import Conformal
from poleward.calibration.contamination import estimate_share, without_anomalies
from poleward.data.columns import TablePreparation
from poleward.data.fingerprint import data_fingerprint, fingerprints
from poleward.data.preparation import Preparation
from poleward.data.scaling import ImagePreparation
from poleward.detector.construction import build_autoencoder, scorer_for
from poleward.detector.correcting import Learned, learned_from_images, learned_from_table
from poleward.detector.encoding import DTYPE
from poleward.detector.island import Island
from poleward.detector.model import BY_ALPHA, BY_CONTAMINATION, Model
from poleward.detector.ranker import Ranker
from poleward.detector.rows import SAMPLES_AT_A_TIME, prepared_runs, require_content, take
from poleward.detector.settings import Settings, resolve_device
from poleward.detector.summary import MOST_KEPT, summary
from poleward.errors import SourceError
from poleward.records import Features
from poleward.scoring.scorer import Scorer
from poleward.training.checkpoint import Checkpoint
from poleward.training.collapse import dead_dimensions, require_living, require_spread
from poleward.training.loop import Plan, supports_half_precision, train
from poleward.training.threads import one_thread_for

FEWEST_SAMPLES = 4
"""Two to train on, with a neighbour each, and one to calibrate with at the least."""

SAMPLES_FOR_SPREAD = 2000
"""Prepared samples from which the variance and the limits of each band or column are taken."""


@dataclass(frozen=True)
class Run:
    """How a training run is watched and stopped; everything is optional.

    checkpoint : folder that keeps the state of the training
    resume : go on from that state, where there is one
    on_step : called with (steps done, steps in all)
    stop : asked between steps; when true the state is kept and `Interrupted` raised
    """

    checkpoint: Path | None = None
    resume: bool = False
    on_step: Callable[[int, int], None] | None = None
    stop: Callable[[], bool] | None = None

    def open_checkpoint(self, identity: str) -> Checkpoint | None:
        """The checkpoint of the run that this identity names; an old state is dropped unless it is to be resumed."""
        if self.checkpoint is None:
            return None
        if not self.resume:
            self.forget()
        return Checkpoint(self.checkpoint, identity)

    def forget(self) -> None:
        """Remove the checkpoint: its model is written, or the run led nowhere."""
        if self.checkpoint is not None:
            Checkpoint(self.checkpoint, identity="").remove()


@dataclass(frozen=True)
class Samples:
    """Raw samples and how to prepare any of them; a table's are prepared once, images' as they are asked for."""

    data: Any
    preparation: Preparation
    prints: NDArray[np.uint64]
    prepared: Features | None

    @classmethod
    def of(cls, preparation: Preparation, data: Any) -> "Samples":
        """Take the fingerprints of all samples."""
        if preparation.kind == "table":
            features = preparation.encode(data)
            require_content(features, before=0)
            return cls(data, preparation, fingerprints(features), features)
        prints = [fingerprints(features) for features in prepared_runs(preparation, data)]
        return cls(data, preparation, np.concatenate(prints), None)

    def load(self, rows: NDArray[np.int64]) -> Features:
        """Prepared samples of the given rows."""
        return self.preparation.encode(take(self.data, rows)) if self.prepared is None else self.prepared[rows]

    def loader(self, among: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], Features]:
        """A function like `load` that counts rows among the given ones."""
        return lambda rows: self.load(among[rows])

    def scores(self, ranker: Ranker, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Scores of the given rows."""
        size = SAMPLES_AT_A_TIME[ranker.kind]
        some = [rows[start : start + size] for start in range(0, len(rows), size)]
        return np.concatenate([ranker.scores(self.load(part), self.prints[part]) for part in some])


def fit_model(kind: str, data: Any, settings: Settings, seed: int, run: Run | None = None) -> Model:
    """Fit a model to raw samples, an image array (n, height, width, bands) or a table.

    Errors
    ------
    SourceError for too few samples or data that cannot be prepared; SettingError for settings that do not fit the data;
    TrainingCollapsed when the result could not rank.
    """
    run = run or Run()
    if len(data) < FEWEST_SAMPLES:
        raise SourceError(f"{len(data)} sample(s) found; a detector needs at least {FEWEST_SAMPLES} to learn from")
    trained, kept_aside = split(len(data), settings.calibration_share, seed)
    samples = Samples.of(prepare(kind, data, trained, settings), data)
    plan = training_plan(kind, len(trained), settings, seed)
    variances, limits = cell_spread(samples, trained, seed)
    autoencoder = build_autoencoder(samples.preparation, settings, variances, seed)
    scorer = scorer_for(samples.preparation, settings, autoencoder.objective, seed)
    identity = f"{hashlib.sha256(samples.prints.tobytes()).hexdigest()} {seed} {settings_hash(settings)}"
    checkpoint = run.open_checkpoint(identity)
    with one_thread_for(rows=kind == "table"):
        history = train(autoencoder, samples.loader(trained), len(trained), plan, checkpoint, run.on_step, run.stop)

    ranker, means = index(samples, trained, autoencoder.to(DTYPE[kind]), scorer, plan)
    decision = decide(settings, samples, ranker, trained, kept_aside)
    return Model(
        settings=settings,
        preparation=samples.preparation,
        ranker=ranker,
        conformal=decision.conformal,
        calibration_prints=np.sort(samples.prints[kept_aside]),
        limits=limits,
        reference=summary(samples.load(kept_aside[:MOST_KEPT]), samples.preparation.blocks),
        island=Island.of(autoencoder.place(torch.from_numpy(means)).numpy()),
        corrector=learned_corrector(samples, ranker, trained, kept_aside, settings, seed)
        if settings.correction
        else None,
        threshold=decision.threshold,
        history=history,
        facts={
            "kind": kind,
            "n_samples": len(data),
            "n_trained": len(trained),
            "n_calibration": len(kept_aside),
            "n_left_out": len(kept_aside) - len(decision.conformal.scores),
            "contamination": decision.contamination,
            "threshold_from": BY_CONTAMINATION if decision.contamination else BY_ALPHA,
            "n_latent": autoencoder.n_latent,
            "n_latent_dead": dead_dimensions(means),
            "epochs": plan.epochs,
            "seed": seed,
            "data_fingerprint": data_fingerprint(samples.prints),
        },
    )


def split(n_samples: int, calibration_share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to train on and rows kept aside for calibration, at random; at least two and one.

    >>> [len(part) for part in split(100, 0.15, seed=0)]
    [85, 15]
    """
    order = np.random.default_rng([seed, n_samples]).permutation(n_samples)
    n_aside = min(max(1, round(calibration_share * n_samples)), n_samples - 2)
    return np.sort(order[n_aside:]), np.sort(order[:n_aside])


@runtime_checkable
class Preparing(Protocol):
    """The settings of an estimator that say how its data are prepared; see `Detector`."""

    @property
    def types(self) -> Mapping[str, str] | None: ...  # noqa: D102 - told there
    @property
    def stretch(self) -> str: ...  # noqa: D102
    @property
    def nodata(self) -> float | None: ...  # noqa: D102


def prepare(kind: str, data: Any, trained: NDArray[np.int64], settings: Preparing) -> Preparation:
    """The preparation that fits the kind of data, learned on the samples to train on."""
    preparation: Preparation = (
        TablePreparation(settings.types) if kind == "table" else ImagePreparation(settings.stretch, settings.nodata)
    )
    try:
        return preparation.fit(take(data, trained))
    except SourceError:
        preparation.fit(data)  # says the same, with the place of the faulty sample among all
        raise


def training_plan(kind: str, n_samples: int, settings: Settings, seed: int) -> Plan:
    """How long, how fast and where to train."""
    device = resolve_device(settings.device)
    return Plan(
        epochs=settings.epochs_for(kind, n_samples),
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=seed,
        device=device,
        half_precision=kind == "images" and supports_half_precision(device),
    )


def cell_spread(samples: Samples, trained: NDArray[np.int64], seed: int) -> tuple[list[float], NDArray[np.float64]]:
    """From some training samples, unobserved cells at their centre: the variance of each numeric block, and the limits
    (2, columns or bands) between which every column or band lies."""
    some = np.random.default_rng(seed).permutation(trained)[:SAMPLES_FOR_SPREAD]
    values = samples.load(some).values.astype(np.float64)
    others = (0, *range(2, values.ndim))
    variances, blocks = values.var(axis=others), samples.preparation.blocks
    limits = np.stack([values.min(axis=others), values.max(axis=others)])
    return [float(variances[block.start]) for block in blocks if block.kind == "numeric"], limits


def index(
    samples: Samples, trained: NDArray[np.int64], autoencoder: Autoencoder, scorer: Scorer, plan: Plan
) -> tuple[Ranker, NDArray[np.floating[Any]]]:
    """The scorer, fitted to the encoded training samples, behind the autoencoder; and their posterior means."""
    prints = np.sort(samples.prints[trained])
    ranker = Ranker(samples.preparation.kind, autoencoder, scorer, prints, plan.device)
    encoded = ranker.encode(samples.loader(trained), len(trained), scorer.learns | {"means"})
    means = np.asarray(encoded.means)
    require_living(means)
    scorer.fit(encoded)
    return ranker, means


@dataclass(frozen=True)
class Decision:
    """How scores become p-values and calls.

    threshold : a sample is an anomaly when its score is above this
    contamination : share of the training data that was taken to be anomalies
    """

    conformal: Conformal
    threshold: float
    contamination: float


def decide(
    settings: Settings,
    samples: Samples,
    ranker: Ranker,
    trained: NDArray[np.int64],
    kept_aside: NDArray[np.int64],
) -> Decision:
    """p-values and threshold from the scores of the samples kept aside and, for contamination, of all.

    Without contamination, stated or found, the conformal threshold at alpha; else the quantile of the scores of all
    samples given that leaves that share above it, as in scikit-learn's outlier detectors, and p-values without the
    calibration scores that stand too far out to be normal.
    """
    looked_at = trained if settings.contamination is not None else trained[: SAMPLES_AT_A_TIME[ranker.kind]]
    calibration = samples.scores(ranker, kept_aside)
    scores = np.concatenate([samples.scores(ranker, looked_at), calibration])
    require_spread(scores)
    stated = settings.contamination or 0.0
    share = estimate_share(scores) if isinstance(stated, str) else stated
    if not share:
        conformal = Conformal(calibration)
        return Decision(conformal, conformal.threshold(settings.alpha), share)
    conformal = Conformal(without_anomalies(calibration, share))
    return Decision(conformal, float(np.percentile(scores, 100 * (1 - share))), share)


def learned_corrector(
    samples: Samples,
    ranker: Ranker,
    trained: NDArray[np.int64],
    kept_aside: NDArray[np.int64],
    settings: Settings,
    seed: int,
) -> Learned:
    """What finds and repairs wrong cells."""
    if ranker.kind == "table":
        return learned_from_table(samples.data, seed, settings.types)
    return learned_from_images(ranker, samples.load, trained, kept_aside)


def settings_hash(settings: Settings) -> str:
    """A short name of the settings, for telling runs apart."""
    return hashlib.sha256(json.dumps(asdict(settings), sort_keys=True, default=str).encode()).hexdigest()[:16]
