"""The scorers by name."""

from collections.abc import Callable

from poleward.errors import SettingError
from poleward.scoring.isolation import Isolation
from poleward.scoring.knn import KNearest
from poleward.scoring.reconstruction import Reconstruction, ReconstructionAndNorm
from poleward.scoring.scorer import Scorer
from poleward.scoring.views import Plain, Sphere, Whitened

SCORERS: dict[str, Callable[[int, int, float], Scorer]] = {
    "knn": lambda k, seed, weight: KNearest("means", Plain(), k),
    "knn-sphere": lambda k, seed, weight: KNearest("means", Sphere(), k),
    "knn-whitened": lambda k, seed, weight: KNearest("means", Whitened(seed), k),
    "isolation-forest": lambda k, seed, weight: Isolation("means", seed),
    "reconstruction": lambda k, seed, weight: Reconstruction(),
    "norm": lambda k, seed, weight: ReconstructionAndNorm(weight),
    "input-knn": lambda k, seed, weight: KNearest("inputs", Plain(), k),
    "input-knn-whitened": lambda k, seed, weight: KNearest("inputs", Whitened(seed), k),
    "input-isolation-forest": lambda k, seed, weight: Isolation("inputs", seed),
}


def build_scorer(name: str, n_neighbors: int, seed: int, weight: float) -> Scorer:
    """The named scorer; SettingError for an unknown name.

    >>> sorted(build_scorer("reconstruction", 3, 0, 1.0).needs)
    ['inputs', 'observed', 'reconstructions']
    """
    if name not in SCORERS:
        raise SettingError(f"scorer {name!r} is unknown; choose one of {', '.join(SCORERS)}")
    return SCORERS[name](n_neighbors, seed, weight)
