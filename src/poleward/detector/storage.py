"""A fitted detector written as a model folder, and the network that such a folder holds."""

import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray

from poleward.artifact.folder import EDITABLE, MODEL, Folder, write_folder
from poleward.autoencoder.autoencoder import Autoencoder
from poleward.data.preparation import Preparation
from poleward.detector.construction import DTYPE, build_autoencoder
from poleward.detector.intake import Intake
from poleward.detector.model import Model
from poleward.detector.settings import Settings

if TYPE_CHECKING:
    from poleward.detector.detector import Detector

ATTRIBUTES = ("layout_", "columns_", "named_", "n_features_in_", "feature_names_in_")
"""Fitted attributes of an estimator itself, beside its model."""


def save_model(folder: Path, detector: "Detector") -> None:
    """Write a fitted detector; OutputError when the place cannot be written or holds something else."""
    model = detector.model_
    arrays = arrays_to_score(model)
    if model.corrector is not None:
        arrays |= {f"corrector.{name}": array for name, array in model.corrector.arrays.items()}
    weights = {
        name: tensor.detach().cpu().contiguous().numpy()
        for name, tensor in model.ranker.autoencoder.state_dict().items()
    }
    write_folder(folder, MODEL, manifest_content(detector), tensors=weights, arrays=arrays)


def arrays_to_score(model: Model) -> dict[str, NDArray[Any]]:
    """What scoring and calibration know, by the names under which a folder keeps it."""
    ranker = model.ranker
    return {
        "prints.trained": ranker.trained_prints,
        "prints.calibration": model.calibration_prints,
        "prints.seen": model.seen_prints,
        "calibration.scores": model.conformal.scores,
        "limits": model.limits,
        "reference": model.reference,
        "island.mean": model.island.mean,
        "island.root": model.island.root,
    } | {f"scorer.{name}": array for name, array in ranker.scorer.arrays().items()}


def manifest_content(detector: "Detector") -> dict[str, Any]:
    """What the manifest says, in plain JSON values."""
    model = detector.model_
    return {
        EDITABLE: {"alpha": model.settings.alpha, "threshold": model.threshold},
        "versions": versions(),
        "facts": model.facts,
        "settings": asdict(model.settings),
        "calibrated_threshold": model.threshold,
        "estimator": stored_attributes(detector),
        "preparation": model.preparation.to_manifest(),
        "corrector": model.corrector and model.corrector.manifest,
        "history": model.history,
    }


def versions() -> dict[str, str]:
    """Of this package and of those that its results depend on."""
    return {
        "poleward": version("poleward"),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }


def stored_attributes(estimator: Intake) -> dict[str, Any]:
    """Fitted attributes of an estimator itself, in plain JSON values."""
    attributes = {name: getattr(estimator, name) for name in ATTRIBUTES if hasattr(estimator, name)}
    if "feature_names_in_" in attributes:
        attributes["feature_names_in_"] = [str(name) for name in attributes["feature_names_in_"]]
    return attributes


def stored_network(contents: Folder, settings: Settings, preparation: Preparation, device: str) -> Autoencoder:
    """The network of a model folder, in evaluation mode on its device."""
    n_numeric = sum(block.kind == "numeric" for block in preparation.blocks)
    autoencoder = build_autoencoder(preparation, settings, [1.0] * n_numeric, seed=0)
    autoencoder.to(DTYPE[preparation.kind])
    autoencoder.load_state_dict({name: torch.from_numpy(array) for name, array in contents.tensors.items()})
    if preparation.kind == "images":
        autoencoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return autoencoder.to(device).eval()
