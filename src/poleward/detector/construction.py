"""The parts of a detector as its settings and its prepared data ask for them, untrained."""

from collections.abc import Sequence
from math import prod

import torch

from poleward.autoencoder.autoencoder import Autoencoder
from poleward.data.preparation import Preparation
from poleward.detector.settings import Settings
from poleward.errors import SettingError
from poleward.objectives.objective import Objective
from poleward.scoring.catalogue import Circumstances, build_scorer
from poleward.scoring.scorer import Scorer

DTYPE = {"images": torch.float32, "table": torch.float64}
"""Of a trained network: see `encoding`."""


def build_autoencoder(
    preparation: Preparation, settings: Settings, variances: Sequence[float], seed: int
) -> Autoencoder:
    """An untrained autoencoder for prepared samples whose numeric blocks have these variances."""
    published = settings.parametrisation == "published"
    if published and preparation.kind == "table" and settings.objective != "norm":
        raise SettingError(
            "the published parametrisation of this objective is for images; use parametrisation 'dimension-free'"
        )
    return Autoencoder(
        preparation.shape,
        preparation.blocks,
        variances,
        settings.latent_dimensions(preparation.kind),
        settings.build_objective(),
        sees_missing=preparation.has_missing,
        sigmoid=published and preparation.kind == "images",
        seed=seed,
    )


def scorer_for(preparation: Preparation, settings: Settings, objective: Objective, seed: int) -> Scorer:
    """The scorer asked for, not yet fitted."""
    return build_scorer(settings.scorer, circumstances(preparation, settings, objective, seed))


def circumstances(preparation: Preparation, settings: Settings, objective: Objective, seed: int) -> Circumstances:
    """What any scorer may have to know of a detector with these parts."""
    return Circumstances(
        n_neighbors=settings.n_neighbors,
        seed=seed,
        weight=objective.relative_weight(prod(preparation.shape), settings.latent_dimensions(preparation.kind)),
        spherical=objective.spherical,
        shape=tuple(preparation.shape),
        squeezed=preparation.squeezed,
        all_normal=settings.contamination == 0,
    )
