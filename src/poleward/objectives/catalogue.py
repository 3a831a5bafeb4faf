"""The objectives by name."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from poleward.errors import SettingError

if TYPE_CHECKING:
    from poleward.objectives.objective import Objective


def _of(file: str, name: str, *given: str) -> "Callable[..., Objective]":
    """Builds a class of this room, which is imported then: names can be checked without torch."""

    def build(**settings: Any) -> "Objective":
        found: Objective = getattr(import_module(f"poleward.objectives.{file}"), name)(*given, **settings)
        return found

    return build


OBJECTIVES: "dict[str, Callable[..., Objective]]" = {
    "autoencoder": _of("autoencoder", "Plain"),
    "variational": _of("variational", "Variational"),
    "moments": _of("moments", "Moments"),
    "compressed": _of("compressed", "Compressed", "full"),
    "compressed-half": _of("compressed", "Compressed", "half"),
    "vmf": _of("compressed", "Compressed", "vmf"),
    "norm": _of("norm", "Norm"),
}

PUBLISHED: "dict[str, Callable[..., Objective]]" = {
    "compressed": _of("published", "PublishedCompressed", "full"),
    "compressed-half": _of("published", "PublishedCompressed", "half"),
    "vmf": _of("published", "PublishedCompressed", "vmf"),
    "norm": _of("published", "PublishedNorm"),
}

PARAMETRISATIONS = {"dimension-free": OBJECTIVES, "published": PUBLISHED}


def build_objective(name: str, parametrisation: str = "dimension-free", **settings: float | str) -> "Objective":
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
