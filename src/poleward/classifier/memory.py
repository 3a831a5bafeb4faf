"""The samples given to `fit`, as a fitted classifier remembers them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Memory:
    """One entry per sample, in the order of the data given to `fit`.

    prints : (n,) content fingerprints
    labels : (n,) number of the class
    trained : (n,) whether the network has seen it; the others calibrate
    features : (n, f) float32 of the network
    sketches : (n, s) float32, see `data.sketch`
    """

    prints: NDArray[np.uint64]
    labels: NDArray[np.int64]
    trained: NDArray[np.bool_]
    features: NDArray[np.float32]
    sketches: NDArray[np.float32]

    @cached_property
    def known_prints(self) -> NDArray[np.uint64]:
        """Sorted, of all."""
        return np.sort(self.prints)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, for the model folder."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> "Memory":
        """Take back what `arrays` gave."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})
