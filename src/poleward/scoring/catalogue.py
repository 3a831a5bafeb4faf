"""The scorers by name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poleward.errors import SettingError
from poleward.scoring.contrast import Contrast, Weighed
from poleward.scoring.fused import Fused
from poleward.scoring.isolation import Isolation
from poleward.scoring.knn import KNearest
from poleward.scoring.local import LocalNearest
from poleward.scoring.mixture import Mixture
from poleward.scoring.patches import Patches
from poleward.scoring.reconstruction import Reconstruction, ReconstructionAndNorm
from poleward.scoring.scorer import Scorer
from poleward.scoring.structure import ContrastReconstruction
from poleward.scoring.views import Plain, Sphere, Standardised, Unsqueezed, Whitened


@dataclass(frozen=True)
class Circumstances:
    """What a scorer may have to know of its detector.

    n_neighbors : at least 1
    seed : of random scorers
    weight : of the code's norm beside the error's
    spherical : whether the decoder takes codes on their sphere
    shape : of one prepared sample, (columns,) or (bands, height, width)
    squeezed : of a table, what undoes the asinh of its heavy-tailed columns, see `views.Unsqueezed`
    all_normal : whether the training samples are known to be, so that none is taken for part of a heap of anomalies
    """

    n_neighbors: int
    seed: int
    weight: float
    spherical: bool = False
    shape: tuple[int, ...] = ()
    squeezed: NDArray[np.float64] | None = None
    all_normal: bool = False


IMAGE_VIEWS = ("reconstruction-contrast", "input-knn-weighed", "input-knn-contrast", "input-patches")
TABLE_VIEWS = ("mixture", "input-knn-linear", "input-mixture")
"""What `fused` asks beside the latent neighbours (docs/default-detector.md says why); the first need images."""


def fused(about: Circumstances) -> Scorer:
    """The default: neighbours of the code where the decoder takes it, and views that suit images or rows."""
    latent = "knn-sphere" if about.spherical else "knn"
    of_images = len(about.shape) > 1
    names = (latent, *(IMAGE_VIEWS if of_images else TABLE_VIEWS))
    of_bulk = () if of_images or about.all_normal else (latent, "input-knn-linear")
    return Fused({name: SCORERS[name](about) for name in names}, about.seed, of_bulk)


SCORERS: dict[str, Callable[[Circumstances], Scorer]] = {
    "fused": fused,
    "knn": lambda about: KNearest("means", Plain(), about.n_neighbors),
    "knn-sphere": lambda about: KNearest("means", Sphere(), about.n_neighbors),
    "knn-whitened": lambda about: KNearest("means", Whitened(about.seed), about.n_neighbors),
    "isolation-forest": lambda about: Isolation("means", about.seed),
    "reconstruction": lambda about: Reconstruction(),
    "reconstruction-contrast": lambda about: ContrastReconstruction(about.shape),
    "norm": lambda about: ReconstructionAndNorm(about.weight),
    "input-knn": lambda about: KNearest("inputs", Plain(), about.n_neighbors),
    "input-knn-whitened": lambda about: KNearest("inputs", Whitened(about.seed), about.n_neighbors),
    "knn-local": lambda about: LocalNearest("means", Standardised(about.seed), about.n_neighbors),
    "mixture": lambda about: Mixture("means", Standardised(about.seed), about.seed, about.all_normal),
    "input-knn-local": lambda about: LocalNearest("inputs", Plain(), about.n_neighbors),
    "input-knn-weighed": lambda about: KNearest("inputs", Weighed(about.shape, about.seed), about.n_neighbors),
    "input-knn-linear": lambda about: KNearest("inputs", Unsqueezed(about.squeezed), about.n_neighbors),
    "input-knn-contrast": lambda about: KNearest("inputs", Contrast(about.shape, about.seed), about.n_neighbors),
    "input-patches": lambda about: Patches(about.shape, about.seed),
    "input-mixture": lambda about: Mixture("inputs", Standardised(about.seed), about.seed, about.all_normal),
    "input-isolation-forest": lambda about: Isolation("inputs", about.seed),
}


def build_scorer(name: str, about: Circumstances) -> Scorer:
    """The named scorer; SettingError for an unknown name, or for one that needs images where there are none.

    >>> sorted(build_scorer("reconstruction", Circumstances(n_neighbors=3, seed=0, weight=1.0)).needs)
    ['inputs', 'observed', 'reconstructions']
    """
    if name not in SCORERS:
        raise SettingError(f"scorer {name!r} is unknown; choose one of {', '.join(SCORERS)}")
    if name in IMAGE_VIEWS and len(about.shape) != 3:
        raise SettingError(f"scorer {name!r} is for images; for a table choose fused, knn-sphere, input-mixture, ...")
    return SCORERS[name](about)
