"""A fitted detector as a folder, and back: the one file that knows both the folder's format and the detector."""

import math
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn
import torch

from poleward.artifact.folder import EDITABLE, Folder, read_folder, write_folder
from poleward.artifact.naming import under
from poleward.autoencoder.autoencoder import Autoencoder
from poleward.calibration.conformal import Conformal
from poleward.data.preparation import Preparation, load_preparation
from poleward.detector.construction import build_autoencoder, scorer_for
from poleward.detector.correcting import Learned
from poleward.detector.encoding import DTYPE
from poleward.detector.intake import Intake
from poleward.detector.island import Island
from poleward.detector.model import BY_HAND, Model
from poleward.detector.ranker import Ranker
from poleward.detector.recalibration import M, at_level
from poleward.detector.settings import Settings, is_number, resolve_device
from poleward.errors import ModelError, SettingError

if TYPE_CHECKING:
    from poleward.detector.detector import Detector

ATTRIBUTES = ("layout_", "columns_", "named_", "n_features_in_", "feature_names_in_")
"""Fitted attributes of an estimator itself, beside its model."""


@dataclass(frozen=True)
class Stored:
    """What a folder held: parameters and attributes of the estimator, and its model."""

    parameters: dict[str, Any]
    attributes: dict[str, Any]
    model: Model


def save_model(folder: Path, detector: "Detector") -> None:
    """Write a fitted detector; OutputError when the place cannot be written or holds something else."""
    model = detector.model_
    ranker = model.ranker
    arrays = {
        "prints.trained": ranker.trained_prints,
        "prints.calibration": model.calibration_prints,
        "prints.seen": model.seen_prints,
        "calibration.scores": model.conformal.scores,
        "limits": model.limits,
        "reference": model.reference,
        "island.mean": model.island.mean,
        "island.root": model.island.root,
    }
    arrays |= {f"scorer.{name}": array for name, array in ranker.scorer.arrays().items()}
    if model.corrector is not None:
        arrays |= {f"corrector.{name}": array for name, array in model.corrector.arrays.items()}
    weights = {
        name: tensor.detach().cpu().contiguous().numpy() for name, tensor in ranker.autoencoder.state_dict().items()
    }
    write_folder(folder, "model", manifest_content(detector), tensors=weights, arrays=arrays)


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


def restored_attributes(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `stored_attributes`."""
    attributes = dict(stored)
    if "feature_names_in_" in attributes:
        attributes["feature_names_in_"] = np.array(attributes["feature_names_in_"], dtype=object)
    return attributes


@contextmanager
def misfits_named(folder: Path) -> Iterator[None]:
    """ModelError in one line for what goes wrong when the parts of a folder are put together."""
    try:
        yield
    except SettingError as error:
        raise ModelError(
            f"{folder}: the manifest holds a setting that this version does not accept: {error}"
        ) from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{folder}: its parts do not fit together ({type(error).__name__}: {reason})") from error


def load_model(folder: Path, device: str) -> Stored:
    """Read a fitted detector; ModelError when the folder is missing, foreign, newer, truncated or changed."""
    contents = read_folder(folder, "model")
    with misfits_named(folder):
        settings = Settings(**contents.manifest["settings"])
        model = as_edited(_model(contents, settings, resolve_device(device)), contents.manifest[EDITABLE])
        attributes = restored_attributes(contents.manifest["estimator"])
    return Stored(asdict(model.settings) | {"random_state": model.facts["seed"]}, attributes, model)


def as_edited(model: M, decision: Mapping[str, Any]) -> M:
    """The model with what was changed by hand in its manifest: another threshold, or the threshold of another alpha.

    Errors
    ------
    SettingError for values that are not accepted, and for a change of both.
    """
    alpha, threshold = decision["alpha"], decision["threshold"]
    if alpha != model.settings.alpha and threshold != model.threshold:
        raise SettingError("both alpha and threshold of its decision were changed; change one of them back")
    if threshold != model.threshold:
        if not is_number(threshold, whole=False) or not math.isfinite(threshold):
            raise SettingError(f"threshold = {threshold!r}: accepted is a number")
        return replace(model, threshold=float(threshold), facts=model.facts | {"threshold_from": BY_HAND})
    return model if alpha == model.settings.alpha else at_level(model, alpha)


def _model(contents: Folder, settings: Settings, device: str) -> Model:
    manifest, arrays = contents.manifest, contents.arrays
    preparation = load_preparation(manifest["preparation"])
    facts = manifest["facts"]
    autoencoder = _autoencoder(contents, settings, preparation, device)
    scorer = scorer_for(preparation, settings, autoencoder.objective, facts["seed"])
    scorer.restore(under("scorer.", arrays))
    return Model(
        settings=settings,
        preparation=preparation,
        ranker=Ranker(
            preparation.kind,
            autoencoder,
            scorer,
            arrays["prints.trained"],
            device,
        ),
        conformal=Conformal(arrays["calibration.scores"]),
        calibration_prints=arrays["prints.calibration"],
        seen_prints=arrays["prints.seen"],
        limits=arrays["limits"],
        reference=arrays.get("reference", np.empty((0, 0))),
        island=Island(arrays["island.mean"], arrays["island.root"]),
        corrector=Learned(manifest["corrector"], under("corrector.", arrays)) if settings.correction else None,
        threshold=float(manifest["calibrated_threshold"]),
        history=manifest["history"],
        facts=facts,
    )


def _autoencoder(contents: Folder, settings: Settings, preparation: Preparation, device: str) -> Autoencoder:
    n_numeric = sum(block.kind == "numeric" for block in preparation.blocks)
    autoencoder = build_autoencoder(preparation, settings, [1.0] * n_numeric, seed=0)
    autoencoder.to(DTYPE[preparation.kind])
    autoencoder.load_state_dict({name: torch.from_numpy(array) for name, array in contents.tensors.items()})
    if preparation.kind == "images":
        autoencoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return autoencoder.to(device).eval()
