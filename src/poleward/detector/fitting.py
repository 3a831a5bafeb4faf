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
from poleward.data.fingerprint import data_fingerprint
from poleward.data.preparation import Preparation
from poleward.data.scaling import ImagePreparation
from poleward.detector.construction import DTYPE, build_autoencoder, scorer_for
from poleward.detector.correcting import Learned, learned_from_images, learned_from_table
from poleward.detector.island import Island
from poleward.detector.model import BY_ALPHA, BY_CONTAMINATION, Model
from poleward.detector.ranker import Ranker
from poleward.detector.raw import Held, Raw
from poleward.detector.rows import FEWEST_SAMPLES, SAMPLES_AT_A_TIME
from poleward.detector.samples import Samples
from poleward.detector.settings import Settings, resolve_device
from poleward.detector.shares import Shares
from poleward.detector.summary import MOST_KEPT, summary
from poleward.errors import SettingError, SourceError
from poleward.processes import team
from poleward.scoring.scorer import Scorer
from poleward.training.checkpoint import Checkpoint
from poleward.training.collapse import dead_dimensions, require_living, require_spread
from poleward.training.loop import Plan, supports_half_precision, train
from poleward.training.threads import one_thread_for

SAMPLES_FOR_SPREAD = 2000
"""Prepared samples from which the variance and the limits of each band or column are taken."""


@dataclass(frozen=True)
class Run:
    """How a training run is watched and stopped; everything is optional.

    checkpoint : folder that keeps the state of the training
    resume : go on from that state, where there is one
    on_step : called with (steps done, steps in all)
    stop : asked between steps; when true the state is kept and `Interrupted` raised
    on_phase : told what begins: preparing, training, indexing, calibrating, learning to correct
    """

    checkpoint: Path | None = None
    resume: bool = False
    on_step: Callable[[int, int], None] | None = None
    stop: Callable[[], bool] | None = None
    on_phase: Callable[[str], None] = lambda what: None

    def open_checkpoint(self, identity: str) -> Checkpoint | None:
        """The checkpoint of the run that this identity names; an old state is dropped unless it is to be resumed."""
        if self.checkpoint is None:
            return None
        if not self.resume and team.leads():
            self.forget()
        return Checkpoint(self.checkpoint, identity)

    def forget(self) -> None:
        """Remove the checkpoint: its model is written, or the run led nowhere."""
        if self.checkpoint is not None:
            Checkpoint(self.checkpoint, identity="").remove()


@dataclass(frozen=True)
class Ready:
    """All that is decided before training.

    autoencoder, scorer : as built, untrained
    limits : see `Model`
    """

    raw: Raw
    shares: Shares
    samples: Samples
    plan: Plan
    autoencoder: Autoencoder
    scorer: Scorer
    limits: NDArray[np.float64]

    @classmethod
    def of(cls, raw: Raw, settings: Settings, seed: int) -> "Ready":
        """Share the samples out, prepare them, and build what is to be trained."""
        shares = Shares.of(len(raw), settings.calibration_share, raw.most, seed)
        samples = Samples.of(prepare(raw.kind, raw, shares.reference, settings), raw)
        variances, limits = cell_spread(samples, shares.reference, seed)
        autoencoder = build_autoencoder(samples.preparation, settings, variances, seed)
        plan = training_plan(raw.kind, len(shares.trained), settings, seed)
        scorer = scorer_for(samples.preparation, settings, autoencoder.objective, seed)
        return cls(raw, shares, samples, plan, autoencoder, scorer, limits)

    def train(self, settings: Settings, run: Run) -> dict[str, list[float]]:
        """Train the autoencoder, alone or as one of a team, and give back the history.

        Errors
        ------
        SettingError when the processes of a team see other data or settings, or are more than a batch has samples.
        """
        digest = hashlib.sha256(self.samples.prints.tobytes()).hexdigest()
        identity = f"{digest} {self.plan.seed} {settings_hash(settings)}"
        require_team_of_one_mind(identity, min(self.plan.batch_size, len(self.shares.trained)))
        checkpoint = run.open_checkpoint(identity)
        load, n = self.samples.loader(self.shares.trained), len(self.shares.trained)
        with one_thread_for(rows=self.raw.kind == "table"):
            return train(self.autoencoder, load, n, self.plan, checkpoint, run.on_step, run.stop)


def fit_model(kind: str, data: Any, settings: Settings, seed: int, run: Run | None = None) -> Model:
    """Fit a model to raw samples: an image array (n, height, width, bands), a table, or more than memory holds (`Raw`).

    Errors
    ------
    SourceError for too few samples or data that cannot be prepared; SettingError for settings that do not fit the data;
    TrainingCollapsed when the result could not rank.
    """
    run = run or Run()
    run.on_phase("preparing")
    ready = ready_to_train(kind, data, settings, seed)
    run.on_phase("training")
    history = ready.train(settings, run)
    shares, samples = ready.shares, ready.samples
    run.on_phase("indexing")
    ranker, means = index(samples, shares.reference, ready.autoencoder.to(DTYPE[kind]), ready.scorer, ready.plan)
    run.on_phase("calibrating")
    decision = decide(settings, samples, ranker, shares.reference, shares.kept_aside)
    if settings.correction:
        run.on_phase("learning to correct")
    return Model(
        settings=settings,
        preparation=samples.preparation,
        ranker=ranker,
        conformal=decision.conformal,
        calibration_prints=np.sort(samples.prints[shares.kept_aside]),
        seen_prints=np.sort(samples.prints[np.setdiff1d(shares.trained, shares.reference, assume_unique=True)]),
        limits=ready.limits,
        reference=summary(samples.load(shares.kept_aside[:MOST_KEPT]), samples.preparation.blocks),
        island=Island.of(ready.autoencoder.place(torch.from_numpy(means)).numpy()),
        corrector=learned_corrector(ready, ranker, settings, seed) if settings.correction else None,
        threshold=decision.threshold,
        history=history,
        facts={
            "kind": kind,
            "n_samples": len(ready.raw),
            "n_trained": len(shares.trained),
            "n_kept": len(shares.reference),
            "most": ready.raw.most,
            "n_calibration": len(shares.kept_aside),
            "n_left_out": len(shares.kept_aside) - len(decision.conformal.scores),
            "contamination": decision.contamination,
            "threshold_from": BY_CONTAMINATION if decision.contamination else BY_ALPHA,
            "n_latent": ready.autoencoder.n_latent,
            "n_latent_dead": dead_dimensions(means),
            "epochs": ready.plan.epochs,
            "seed": seed,
            "data_fingerprint": data_fingerprint(samples.prints),
        },
    )


def ready_to_train(kind: str, data: Any, settings: Settings, seed: int) -> Ready:
    """Raw samples as for `fit_model`, up to the training; SourceError for too few of them."""
    raw = data if isinstance(data, Raw) else Held(kind, data)
    if len(raw) < FEWEST_SAMPLES:
        raise SourceError(f"{len(raw)} sample(s) found; a detector needs at least {FEWEST_SAMPLES} to learn from")
    return Ready.of(raw, settings, seed)


def require_team_of_one_mind(identity: str, batch_size: int) -> None:
    """SettingError when another process of the team trains on other data or settings, or one would have no samples."""
    if batch_size < team.size():
        raise SettingError(
            f"{team.size()} processes cannot share batches of {batch_size} samples; start fewer, or give a larger"
            " batch_size"
        )
    if not team.same_everywhere(int(hashlib.sha256(identity.encode()).hexdigest()[:7], 16)):
        raise SettingError("the processes do not all see the same data and settings; start each with the same ones")


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
    raw = data if isinstance(data, Raw) else Held(kind, data)
    preparation: Preparation = (
        TablePreparation(settings.types) if kind == "table" else ImagePreparation(settings.stretch, settings.nodata)
    )
    try:
        return preparation.fit(raw.take(trained))
    except SourceError:
        if isinstance(raw, Held):
            preparation.fit(raw.data)  # says the same, with the place of the faulty sample among all
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
    looked_at = trained if settings.contamination else trained[: SAMPLES_AT_A_TIME[ranker.kind]]
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


def learned_corrector(ready: Ready, ranker: Ranker, settings: Settings, seed: int) -> Learned:
    """What finds and repairs wrong cells: of a table learned from all its rows, or from those that the scorer keeps."""
    raw, shares = ready.raw, ready.shares
    if ranker.kind == "images":
        return learned_from_images(ranker, ready.samples.load, shares.reference, shares.kept_aside)
    table = raw.data if isinstance(raw, Held) and len(raw) <= raw.most else raw.take(shares.reference)
    return learned_from_table(table, seed, settings.types)


def settings_hash(settings: Settings) -> str:
    """A short name of the settings, for telling runs apart."""
    return hashlib.sha256(json.dumps(asdict(settings), sort_keys=True, default=str).encode()).hexdigest()[:16]
