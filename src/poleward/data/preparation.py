"""What every way of preparing data can do, and how a saved one is found again."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Float64

from poleward.data.columns import TablePreparation
from poleward.data.scaling import ImagePreparation
from poleward.errors import ModelError, PolewardError
from poleward.records import Block, Features


@runtime_checkable
class Preparation(Protocol):
    """Turns raw samples (an image array or a table) into the numbers that networks see, and back.

    kind : ``"images"`` or ``"table"``
    shape : of one prepared sample: (bands, height, width) or (columns,)
    blocks : what the cells along the first axis of ``shape`` stand for
    has_missing : whether any training cell was unobserved
    squeezed : (3, columns) what undoes the asinh of heavy-tailed columns of a table, None for images
    """

    @property
    def kind(self) -> str: ...  # noqa: D102 - told above
    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def blocks(self) -> tuple[Block, ...]: ...  # noqa: D102
    @property
    def has_missing(self) -> bool: ...  # noqa: D102
    @property
    def squeezed(self) -> Float64[np.ndarray, "3 cells"] | None: ...  # noqa: D102

    def fit(self, data: Any, /) -> "Preparation":
        """Learn the scaling from training samples."""
        ...

    def encode(self, data: Any, /) -> Features:
        """Check and prepare samples; each row depends on nothing but itself."""
        ...

    def decode(self, values: Float[np.ndarray, "n *shape"], /) -> Any:
        """Bring prepared values back to native units, types and order."""
        ...

    def to_manifest(self) -> dict[str, Any]:
        """Return everything that ``fit`` learned as plain JSON values."""
        ...

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "Preparation":
        """Rebuild the fitted preparation that wrote the manifest."""
        ...

    def describe(self) -> list[str]:
        """Say in sentences what was learned."""
        ...


PREPARATIONS: Mapping[str, type[Preparation]] = {"images": ImagePreparation, "table": TablePreparation}


def load_preparation(manifest: Mapping[str, Any]) -> Preparation:
    """Rebuild the fitted preparation that wrote the manifest.

    Errors
    ------
    ModelError : the manifest is incomplete, damaged, or of a kind that this version does not know

    Examples
    --------
    >>> images = np.arange(8).reshape(2, 2, 2, 1)
    >>> load_preparation(ImagePreparation().fit(images).to_manifest()).shape
    (1, 2, 2)
    """
    kind = str(manifest.get("kind"))
    if kind not in PREPARATIONS:
        raise ModelError(f"the model prepares {kind!r}; this version knows {', '.join(PREPARATIONS)}.")
    try:
        return PREPARATIONS[kind].from_manifest(manifest)
    except (KeyError, TypeError, ValueError, AttributeError, pa.ArrowException, OSError, PolewardError) as error:
        raise ModelError(f"the model's preparation of {kind} is damaged ({error!r}); train the model again.") from error
