"""What a classifier can be told, checked at the door."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from poleward.classifier.outlyingness import SCORERS
from poleward.data.scaling import STRETCHES
from poleward.detector.settings import is_number, require_within_bounds
from poleward.errors import SettingError
from poleward.objectives.classes.catalogue import CLASS_OBJECTIVES

WIDTHS = {"images": 32, "table": 256}
"""Default width of the network: channels of the stem for images, of the hidden layers for tables."""

TRAINING_STEPS = {"images": 1500, "table": 2000}
"""The default number of epochs is the one that comes near this many steps, within the bounds below."""

EPOCHS = {"images": (10, 60), "table": (20, 200)}

LEARNING_RATES = {"images": 0.1, "table": 1e-3}
"""Of Muon with one rise and fall for images, of Adam for tables."""

CHOICES = {"objective": tuple(CLASS_OBJECTIVES), "scorer": SCORERS, "stretch": STRETCHES}
BOUNDED = ("epochs", "batch_size", "learning_rate", "n_neighbors", "alpha", "calibration_share")
OPTIONAL = frozenset({"epochs", "learning_rate", "calibration_share"})


@dataclass(frozen=True)
class ClassifierSettings:
    """The parameters of `OpenSetClassifier`, under the same names; the defaults stand in its signature alone."""

    objective: str
    scorer: str
    width: int | None
    epochs: int | None
    batch_size: int
    learning_rate: float | None
    augment: bool
    n_neighbors: int
    alpha: float
    calibration_share: float | None
    stretch: str
    nodata: float | None
    types: Mapping[str, str] | None
    device: str

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise SettingError(f"{name} = {getattr(self, name)!r}: choose one of {', '.join(choices)}")
        for name in BOUNDED:
            if getattr(self, name) is not None or name not in OPTIONAL:
                self._keep(name, require_within_bounds(name, getattr(self, name)))
        if self.width is not None:
            self._keep("width", _width(self.width))
        if not isinstance(self.augment, bool):
            raise SettingError(f"augment = {self.augment!r}: accepted is True or False")
        if self.nodata is not None:
            if not is_number(self.nodata, whole=False):
                raise SettingError(f"nodata = {self.nodata!r}: accepted is None or a number")
            self._keep("nodata", float(self.nodata))

    def _keep(self, name: str, value: int | float) -> None:
        object.__setattr__(self, name, value)  # plain Python numbers, which a manifest can hold, for NumPy's

    def width_for(self, kind: str) -> int:
        """The width of the network, or its default for images or tables."""
        return self.width or WIDTHS[kind]

    def learning_rate_for(self, kind: str) -> float:
        """The largest learning rate, or its default for images or tables."""
        return self.learning_rate or LEARNING_RATES[kind]

    def epochs_for(self, kind: str, n_samples: int) -> int:
        """Number of epochs, or the default: near 1,500 steps for images and 2,000 for tables."""
        if self.epochs is not None:
            return self.epochs
        low, high = EPOCHS[kind]
        return min(max(round(TRAINING_STEPS[kind] / max(1, round(n_samples / self.batch_size))), low), high)


def _width(value: Any) -> int:
    if not is_number(value, whole=True) or not 1 <= value <= 65_536:
        raise SettingError(f"width = {value!r}: accepted is None or a whole number of at least 1")
    return int(value)
