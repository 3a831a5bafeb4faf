"""The training loop: shuffled batches, Adam or Muon, a learning rate that ends at 0, checkpoints at any step.

A run is a pure function of its plan: the order of epoch e comes from (seed, e), the noise from one generator whose
state is checkpointed, so that an interrupted run, resumed, ends with the weights of an uninterrupted one.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from poleward.errors import Interrupted
from poleward.processes.team import any_asks, leads, share, share_gradients
from poleward.records import Features
from poleward.training.checkpoint import Checkpoint
from poleward.training.collapse import require_finite
from poleward.training.muon import Muon, kernel_share

LARGEST_GRADIENT_NORM = 10.0
"""Gradients are clipped to this norm."""

MOMENTUM = 0.9

RISING_SHARE = 0.2
"""The one-cycle learning rate rises during this share of the steps."""


@runtime_checkable
class Trainable(Protocol):
    """What the loop asks of a model, beside being a torch module."""

    def loss(
        self,
        values: Tensor,
        observed: Tensor | None,
        epoch: int,
        n_epochs: int,
        generator: torch.Generator,
        half_precision: bool = False,
    ) -> tuple[Tensor, dict[str, float]]:
        """Loss of a batch, and the named terms to keep a history of.

        Where the samples have classes, these follow as ``labels``.
        """
        ...


@dataclass(frozen=True)
class Plan:
    """How to train.

    epochs, batch_size : at least 1; batches of an epoch differ in size by at most one
    learning_rate : above 0; the largest of the schedule
    seed : of the order of the samples and of the noise
    device : a torch device
    half_precision : networks in bfloat16
    optimizer : "adam", or "muon": Nesterov's momentum 0.9, for kernels 0.6 with orthogonal steps
    schedule : of the learning rate, "cosine" (falling) or "one-cycle" (rising, then falling)
    weight_decay : at least 0, as an L2 penalty of the weights
    """

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    device: str = "cpu"
    half_precision: bool = False
    optimizer: str = "adam"
    schedule: str = "cosine"
    weight_decay: float = 0.0


@dataclass
class Progress:
    """Where a run stands: steps done in the current epoch, the sums of its terms, and the epochs behind it."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)

    def add(self, terms: dict[str, float], n_steps: int) -> None:
        """Count one step; at the epoch's last, move its means into the history."""
        self.sums = {name: self.sums.get(name, 0.0) + value for name, value in terms.items()}
        self.step += 1
        if self.step == n_steps:
            for name, total in self.sums.items():
                self.history.setdefault(name, []).append(total / n_steps)
            self.epoch, self.step, self.sums = self.epoch + 1, 0, {}


def epoch_batches(n_samples: int, batch_size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """A shuffled partition of the samples into batches whose sizes differ by at most one.

    Batch statistics are part of some objectives, so there is no small last batch; fewer samples than a batch make one
    batch.

    >>> [len(batch) for batch in epoch_batches(5, batch_size=3, seed=0, epoch=0)]
    [3, 2]
    """
    order = np.random.default_rng([seed, epoch]).permutation(n_samples)
    return np.array_split(order, batches_per_epoch(n_samples, batch_size))


def batches_per_epoch(n_samples: int, batch_size: int) -> int:
    """How many: statistics of a batch need two samples.

    >>> batches_per_epoch(10, 4), batches_per_epoch(5, 1), batches_per_epoch(1, 4)
    (3, 2, 1)
    """
    return max(1, min(math.ceil(n_samples / batch_size), n_samples // 2))


def cosine_decay(done: float) -> float:
    """Share of the learning rate left when this share of the steps is done.

    >>> cosine_decay(0.0), cosine_decay(1.0)
    (1.0, 0.0)
    """
    return 0.5 * (1 + math.cos(math.pi * done))


def one_cycle(done: float) -> float:
    """Share of the largest learning rate: a straight rise from 0 over a fifth of the steps, then a straight fall to 0.

    >>> one_cycle(0.1), one_cycle(0.2), one_cycle(1.0)
    (0.5, 1.0, 0.0)
    """
    return done / RISING_SHARE if done < RISING_SHARE else (1 - done) / (1 - RISING_SHARE)


SCHEDULES = {"cosine": cosine_decay, "one-cycle": one_cycle}


def train(
    model: torch.nn.Module,
    load: Callable[[NDArray[np.int64]], Features],
    n_samples: int,
    plan: Plan,
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> dict[str, list[float]]:
    """Train the model in place and give back its history, one value per epoch and term.

    Several processes that work as a team train the same model as one of them would; one of them keeps the state.

    Parameters
    ----------
    model : a module that is `Trainable`
    load : rows -> prepared samples
    n_samples : how many there are
    plan : how to train
    checkpoint : where to keep the state, and resume from
    on_step : called with (steps done, steps in all)
    stop : asked between steps; when true, a checkpoint is written and `Interrupted` raised

    Errors
    ------
    TrainingCollapsed when a term of the loss is not finite.
    """
    model.to(plan.device)
    images = load(np.array([0])).values.ndim == 4
    if images:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.train()
    n_steps = plan.epochs * batches_per_epoch(n_samples, plan.batch_size)
    optimizer = _build_optimizer(model, plan, n_steps)
    schedule = SCHEDULES[plan.schedule]
    generator = torch.Generator().manual_seed(plan.seed)
    progress = Progress()
    if checkpoint is not None and checkpoint.exists():
        progress = Progress(**checkpoint.restore(model, optimizer, generator))
    while progress.epoch < plan.epochs:
        epoch = progress.epoch
        batches = epoch_batches(n_samples, plan.batch_size, plan.seed, epoch)
        for features in loaded(load, [share(rows) for rows in batches[progress.step :]], ahead=plan.device != "cpu"):
            if any_asks(stop is not None and stop()):
                raise Interrupted(_leave(checkpoint, model, optimizer, generator, progress))
            n_done = epoch * len(batches) + progress.step
            _set_learning_rate(optimizer, plan.learning_rate * schedule(n_done / n_steps))
            terms = _step(model, optimizer, features, epoch, plan, generator)
            require_finite(terms, epoch)
            progress.add(terms, len(batches))
            if on_step is not None:
                on_step(n_done + 1, n_steps)
            if checkpoint is not None and checkpoint.due() and leads():
                checkpoint.save(model, optimizer, generator, vars(progress))
    model.eval()
    return progress.history


def loaded(
    load: Callable[[NDArray[np.int64]], Features], batches: Sequence[NDArray[np.int64]], ahead: bool
) -> Iterator[Features]:
    """The samples of each batch.

    ahead : load each while the one before it is in use, for a device that computes by itself
    """
    if not ahead:
        yield from map(load, batches)
        return
    with ThreadPoolExecutor(max_workers=1) as worker:
        coming = worker.submit(load, batches[0])
        for rows in batches[1:]:
            features = coming.result()
            coming = worker.submit(load, rows)
            yield features
        yield coming.result()


def to_tensors(features: Features, device: str, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor | None]:
    """Values in the dtype and the mask of observed cells, on the device; images in channels-last memory."""
    values = torch.as_tensor(features.values, dtype=dtype).to(device)
    if values.ndim == 4:
        values = values.contiguous(memory_format=torch.channels_last)
    observed = None if features.observed is None else torch.as_tensor(features.observed).to(device)
    return values, observed


def supports_half_precision(device: str) -> bool:
    """Whether bfloat16 is fast here: on CUDA that has it, or on a CPU with AMX.

    A CPU with avx512_bf16 alone trains the published network slower in bfloat16 than in float32 (results/speed.md).
    """
    if device != "cpu":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def _step(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    features: Features,
    epoch: int,
    plan: Plan,
    generator: torch.Generator,
) -> dict[str, float]:
    optimizer.zero_grad(set_to_none=True)
    values, observed = to_tensors(features, plan.device)
    labels = () if features.labels is None else (torch.as_tensor(features.labels).to(plan.device),)
    loss, terms = model.loss(  # type: ignore[operator]
        values, observed, epoch, plan.epochs, generator, plan.half_precision, *labels
    )
    loss.backward()
    share_gradients(model)
    torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT_NORM)
    optimizer.step()
    return terms


def _build_optimizer(model: torch.nn.Module, plan: Plan, n_steps: int) -> torch.optim.Optimizer:
    rate, decay = plan.learning_rate, plan.weight_decay
    if plan.optimizer == "muon":
        dtype = torch.bfloat16 if plan.half_precision else torch.float32
        return Muon(model.parameters(), rate, kernel_share(n_steps), MOMENTUM, decay, dtype)
    return torch.optim.Adam(model.parameters(), rate, weight_decay=decay, fused=True)


def _set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _leave(
    checkpoint: Checkpoint | None,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    progress: Progress,
) -> str:
    if checkpoint is None:
        return "stopped; no checkpoint was asked for"
    if leads():
        checkpoint.save(model, optimizer, generator, vars(progress))
    return f"stopped in epoch {progress.epoch + 1}; the state lies in {checkpoint.path}, go on with --resume"
