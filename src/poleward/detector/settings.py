"""What a detector can be told, checked at the door."""

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sklearn.utils import check_random_state

from poleward.data.scaling import STRETCHES
from poleward.errors import SettingError
from poleward.objectives.catalogue import OBJECTIVES, PARAMETRISATIONS, build_objective
from poleward.objectives.schedules import SCHEDULES
from poleward.scoring.catalogue import SCORERS

if TYPE_CHECKING:
    from poleward.objectives.objective import Objective

LATENT_DIMENSIONS = {"images": 128, "table": 32}
"""Default n_latent; 128 is the published one for images."""

TRAINING_STEPS = {"images": 200, "table": 2000}
"""The default number of epochs is the one that comes near this many steps, within the bounds below."""

MOST_STEPS = 20_000
"""Of the default number of epochs, but for the first one: so many samples need not be seen again and again."""

EPOCHS = {"images": (10, 100), "table": (20, 100)}

CHOICES = {
    "objective": tuple(OBJECTIVES),
    "scorer": tuple(SCORERS),
    "schedule": tuple(SCHEDULES),
    "parametrisation": tuple(PARAMETRISATIONS),
    "stretch": STRETCHES,
}

BOUNDS: dict[str, tuple[float, float, str]] = {
    "n_latent": (2, 65_536, "a whole number of at least 2"),
    "epochs": (1, 1e9, "a whole number of at least 1"),
    "batch_size": (1, 1e9, "a whole number of at least 1"),
    "n_neighbors": (1, 1e6, "a whole number of at least 1"),
    "learning_rate": (1e-12, 10, "a number above 0"),
    "weight": (0, 1e12, "None or a number of at least 0"),
    "contamination": (0, 0.5, 'None, "auto" or a share from 0 to 0.5'),
    "alpha": (1e-12, 1 - 1e-12, "a number between 0 and 1"),
    "calibration_share": (1e-12, 0.9, "a share above 0 and up to 0.9"),
}

AUTO = "auto"
"""For contamination: to be estimated."""

OPTIONAL = frozenset({"n_latent", "epochs", "weight", "schedule", "contamination"})
WHOLE = frozenset({"n_latent", "epochs", "batch_size", "n_neighbors"})


@dataclass(frozen=True)
class Settings:
    """The parameters of `Detector`, under the same names; the defaults stand in its signature alone."""

    objective: str
    scorer: str
    n_latent: int | None
    epochs: int | None
    batch_size: int
    learning_rate: float
    weight: float | None
    schedule: str | None
    parametrisation: str
    n_neighbors: int
    contamination: float | str | None
    alpha: float
    calibration_share: float
    stretch: str
    nodata: float | None
    types: Mapping[str, str] | None
    correction: bool
    device: str

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices and not (value is None and name in OPTIONAL):
                raise SettingError(f"{name} = {value!r}: choose one of {', '.join(choices)}")
        for name in BOUNDS:
            value = getattr(self, name)
            if (value is not None or name not in OPTIONAL) and (name, value) != ("contamination", AUTO):
                self._keep(name, require_within_bounds(name, value))
        if not isinstance(self.correction, bool):
            raise SettingError(f"correction = {self.correction!r}: accepted is True or False")
        if self.nodata is not None:
            if not is_number(self.nodata, whole=False):
                raise SettingError(f"nodata = {self.nodata!r}: accepted is None or a number")
            self._keep("nodata", float(self.nodata))

    def _keep(self, name: str, value: int | float) -> None:
        object.__setattr__(self, name, value)  # plain Python numbers, which a manifest can hold, for NumPy's

    def build_objective(self) -> "Objective":
        """The objective asked for, with its own weight and schedule where none is said."""
        said = {"weight": self.weight, "schedule": self.schedule}
        given = {name: value for name, value in said.items() if value is not None}
        return build_objective(self.objective, self.parametrisation, **given)

    def latent_dimensions(self, kind: str) -> int:
        """n_latent, or the default for images or tables."""
        return self.n_latent or LATENT_DIMENSIONS[kind]

    def epochs_for(self, kind: str, n_samples: int) -> int:
        """Number of epochs, or the default: near 200 steps for images and 2,000 for tables."""
        if self.epochs is not None:
            return self.epochs
        steps = max(1, round(n_samples / self.batch_size))
        low, high = EPOCHS[kind]
        return min(max(round(TRAINING_STEPS[kind] / steps), low), high, max(1, MOST_STEPS // steps))


def require_within_bounds(name: str, value: Any) -> int | float:
    """The number, as Python's own; SettingError for one that the named setting does not accept."""
    low, high, accepted = BOUNDS[name]
    if not is_number(value, whole=name in WHOLE) or not low <= value <= high:
        raise SettingError(f"{name} = {value!r}: accepted is {accepted}")
    return int(value) if name in WHOLE else float(value)


def is_number(value: Any, whole: bool) -> bool:
    """Whether a value is a number (not a bool), and a whole one if asked.

    >>> is_number(3.0, whole=True), is_number(True, whole=True), is_number(2, whole=True)
    (False, False, True)
    """
    kind = numbers.Integral if whole else numbers.Real
    return isinstance(value, kind) and not isinstance(value, bool)


def seed_of(random_state: Any) -> int:
    """The seed that scikit-learn's kind of random state stands for; a whole number stands for itself.

    >>> seed_of(7)
    7
    """
    try:
        generator = check_random_state(random_state)
    except ValueError as error:
        raise SettingError(
            f"random_state = {random_state!r}: accepted is None, a whole number from 0 to {2**32 - 1} or a RandomState"
        ) from error
    return int(random_state) if is_number(random_state, whole=True) else int(generator.randint(2**31 - 1))


def resolve_device(name: str) -> str:
    """The torch device for a name; "auto" is CUDA where there is one, else the CPU. SettingError for one not here."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise SettingError(f"device {name!r} is not available here ({reason}); use 'cpu' or 'auto'") from error
    return str(device)
