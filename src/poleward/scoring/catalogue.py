"""The scorers by name."""

from collections.abc import Callable
from dataclasses import dataclass

from poleward.errors import SettingError
from poleward.scoring.fused import Fused
from poleward.scoring.isolation import Isolation
from poleward.scoring.knn import KNearest
from poleward.scoring.reconstruction import Reconstruction, ReconstructionAndNorm
from poleward.scoring.scorer import Scorer
from poleward.scoring.views import Plain, Sphere, Whitened


@dataclass(frozen=True)
class Circumstances:
    """What a scorer may have to know of its detector.

    n_neighbors : at least 1
    seed : of random scorers
    weight : of the code's norm beside the error's
    spherical : whether the decoder takes codes on their sphere
    """

    n_neighbors: int
    seed: int
    weight: float
    spherical: bool = False


def fused(about: Circumstances) -> Scorer:
    """The default: neighbours of the code where the decoder takes it, reconstruction, neighbours of the whitened
    input."""
    latent = "knn-sphere" if about.spherical else "knn"
    return Fused({name: SCORERS[name](about) for name in (latent, "reconstruction", "input-knn-whitened")})


SCORERS: dict[str, Callable[[Circumstances], Scorer]] = {
    "fused": fused,
    "knn": lambda about: KNearest("means", Plain(), about.n_neighbors),
    "knn-sphere": lambda about: KNearest("means", Sphere(), about.n_neighbors),
    "knn-whitened": lambda about: KNearest("means", Whitened(about.seed), about.n_neighbors),
    "isolation-forest": lambda about: Isolation("means", about.seed),
    "reconstruction": lambda about: Reconstruction(),
    "norm": lambda about: ReconstructionAndNorm(about.weight),
    "input-knn": lambda about: KNearest("inputs", Plain(), about.n_neighbors),
    "input-knn-whitened": lambda about: KNearest("inputs", Whitened(about.seed), about.n_neighbors),
    "input-isolation-forest": lambda about: Isolation("inputs", about.seed),
}


def build_scorer(name: str, about: Circumstances) -> Scorer:
    """The named scorer; SettingError for an unknown name.

    >>> sorted(build_scorer("reconstruction", Circumstances(n_neighbors=3, seed=0, weight=1.0)).needs)
    ['inputs', 'observed', 'reconstructions']
    """
    if name not in SCORERS:
        raise SettingError(f"scorer {name!r} is unknown; choose one of {', '.join(SCORERS)}")
    return SCORERS[name](about)
