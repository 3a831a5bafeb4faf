"""The objectives by name."""

from collections.abc import Callable
from functools import partial

from poleward.errors import SettingError
from poleward.objectives.autoencoder import Plain
from poleward.objectives.compressed import Compressed
from poleward.objectives.moments import Moments
from poleward.objectives.norm import Norm
from poleward.objectives.objective import Objective
from poleward.objectives.published import PublishedCompressed, PublishedNorm
from poleward.objectives.variational import Variational

OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "autoencoder": Plain,
    "variational": Variational,
    "moments": Moments,
    "compressed": partial(Compressed, "full"),
    "compressed-half": partial(Compressed, "half"),
    "vmf": partial(Compressed, "vmf"),
    "norm": Norm,
}

PUBLISHED: dict[str, Callable[..., Objective]] = {
    "compressed": partial(PublishedCompressed, "full"),
    "compressed-half": partial(PublishedCompressed, "half"),
    "vmf": partial(PublishedCompressed, "vmf"),
    "norm": PublishedNorm,
}

PARAMETRISATIONS = {"dimension-free": OBJECTIVES, "published": PUBLISHED}


def build_objective(name: str, parametrisation: str = "dimension-free", **settings: float | str) -> Objective:
    """The named objective; SettingError for a name that the parametrisation does not have.

    >>> build_objective("vmf").kind
    'vmf'
    """
    if parametrisation not in PARAMETRISATIONS:
        raise SettingError(
            f"parametrisation {parametrisation!r} is unknown; choose one of {', '.join(PARAMETRISATIONS)}"
        )
    known = PARAMETRISATIONS[parametrisation]
    if name not in known:
        raise SettingError(f"objective {name!r} is unknown ({parametrisation}); choose one of {', '.join(known)}")
    return known[name](**settings)
