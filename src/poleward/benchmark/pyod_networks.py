"""Networks of PyOD (Zhao et al. 2019) at its defaults, where it is installed."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import torch

from poleward.benchmark.classical import flat
from poleward.benchmark.contenders import Contender, Effort, Scores, single
from poleward.benchmark.splits import Split
from poleward.errors import SettingError

BATCH_SIZE = 32
"""PyOD's own."""


def model_class(module: str, name: str) -> Any:
    """One of PyOD's models; SettingError where it is not installed."""
    try:
        return getattr(import_module(f"pyod.models.{module}"), name)
    except ImportError as error:
        missing = (error.name or "pyod").partition(".")[0]
        raise SettingError(f'{missing} is not installed; run: pip install "poleward[bench]"') from error


def scores(build: Callable[..., Any], split: Split, effort: Effort) -> Scores:
    """PyOD's anomaly scores; its batch is cut to the training set, without which fewer samples than 32 crash it."""
    train, test = flat(split)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(split.seed)
        model = build(train.shape[1], min(BATCH_SIZE, len(train)), effort.epochs, split.seed)
        return np.asarray(model.fit(train).decision_function(test), np.float64)


def autoencoder(n_columns: int, batch_size: int, epochs: int | None, seed: int) -> Any:
    """PyOD's AutoEncoder."""
    said = {} if epochs is None else {"epoch_num": epochs}
    kind = model_class("auto_encoder", "AutoEncoder")
    return kind(batch_size=batch_size, random_state=seed, verbose=0, device="cpu", **said)


def variational(n_columns: int, batch_size: int, epochs: int | None, seed: int) -> Any:
    """PyOD's VAE."""
    said = {} if epochs is None else {"epoch_num": epochs}
    kind = model_class("vae", "VAE")
    return kind(batch_size=batch_size, random_state=seed, verbose=0, device="cpu", **said)


def deep_svdd(n_columns: int, batch_size: int, epochs: int | None, seed: int) -> Any:
    """PyOD's DeepSVDD."""
    said = {} if epochs is None else {"epochs": epochs}
    kind = model_class("deep_svdd", "DeepSVDD")
    return kind(n_columns, batch_size=batch_size, random_state=seed, verbose=0, **said)


def _row(name: str, build: Callable[..., Any], note: str = "") -> Contender:
    return single(name, partial(scores, build), note=note, first_seed_only=True)


PYOD = (
    _row("pyod-autoencoder", autoencoder),
    _row(
        "pyod-vae",
        variational,
        "no KL term at its defaults (clamped to a capacity of 0), and it draws codes while scoring: no VAE, and a"
        " score that changes from call to call",
    ),
    _row("pyod-deepsvdd", deep_svdd),
)
