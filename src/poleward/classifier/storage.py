"""A fitted classifier as a folder, and back: the one file that knows both the folder's format and the classifier."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from poleward.artifact.folder import CLASSIFIER, EDITABLE, Folder, read_folder, write_folder
from poleward.artifact.naming import under
from poleward.calibration.conformal import Conformal
from poleward.classifier.classes import StoredClasses
from poleward.classifier.fitting import learned_outlyingness
from poleward.classifier.memory import Memory
from poleward.classifier.model import ClassifierModel
from poleward.classifier.network import build_network
from poleward.classifier.settings import ClassifierSettings
from poleward.data.preparation import Preparation, load_preparation
from poleward.detector.construction import DTYPE
from poleward.detector.settings import resolve_device
from poleward.detector.storage import stored_attributes, versions
from poleward.detector.stored import as_edited, misfits_named, restored_attributes
from poleward.labelled.network import LabelledNetwork

if TYPE_CHECKING:
    from poleward.classifier.classifier import OpenSetClassifier


@dataclass(frozen=True)
class Stored:
    """What a folder held: parameters and attributes of the estimator, and its model."""

    parameters: dict[str, Any]
    attributes: dict[str, Any]
    model: ClassifierModel


def save_classifier(folder: Path, classifier: "OpenSetClassifier") -> None:
    """Write a fitted classifier; OutputError when the place cannot be written or holds something else."""
    model = classifier.model_
    arrays = {"calibration.scores": model.conformal.scores}
    arrays |= {f"memory.{name}": array for name, array in model.memory.arrays().items()}
    weights = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in model.network.state_dict().items()}
    write_folder(folder, CLASSIFIER, manifest_content(classifier), tensors=weights, arrays=arrays)


def manifest_content(classifier: "OpenSetClassifier") -> dict[str, Any]:
    """What the manifest says, in plain JSON values."""
    model = classifier.model_
    return {
        EDITABLE: {"alpha": model.settings.alpha, "threshold": model.threshold},
        "versions": versions(),
        "facts": model.facts,
        "settings": asdict(model.settings),
        "classes": asdict(StoredClasses.of(model.classes)),
        "temperature": model.temperature,
        "calibrated_threshold": model.threshold,
        "estimator": stored_attributes(classifier),
        "preparation": model.preparation.to_manifest(),
        "history": model.history,
    }


def load_classifier(folder: Path, device: str) -> Stored:
    """Read a fitted classifier; ModelError when the folder is missing, foreign, newer, truncated or changed."""
    contents = read_folder(folder, CLASSIFIER)
    with misfits_named(folder):
        settings = ClassifierSettings(**contents.manifest["settings"])
        model = as_edited(_model(contents, settings, resolve_device(device)), contents.manifest[EDITABLE])
        attributes = restored_attributes(contents.manifest["estimator"])
    return Stored(asdict(model.settings) | {"random_state": model.facts["seed"]}, attributes, model)


def _model(contents: Folder, settings: ClassifierSettings, device: str) -> ClassifierModel:
    manifest, arrays = contents.manifest, contents.arrays
    preparation = load_preparation(manifest["preparation"])
    classes = StoredClasses(**manifest["classes"]).restore()
    memory = Memory.restore(under("memory.", arrays))
    network = _network(contents, settings, preparation, len(classes), device)
    return ClassifierModel(
        settings=settings,
        classes=classes,
        preparation=preparation,
        network=network,
        outlyingness=learned_outlyingness(preparation.kind, settings, network, memory, device),
        memory=memory,
        temperature=float(manifest["temperature"]),
        conformal=Conformal(arrays["calibration.scores"]),
        threshold=float(manifest["calibrated_threshold"]),
        device=device,
        history=manifest["history"],
        facts=manifest["facts"],
    )


def _network(
    contents: Folder, settings: ClassifierSettings, preparation: Preparation, n_classes: int, device: str
) -> LabelledNetwork:
    network = build_network(preparation, settings, n_classes, seed=0).to(DTYPE[preparation.kind])
    network.load_state_dict({name: torch.from_numpy(array) for name, array in contents.tensors.items()})
    if preparation.kind == "images":
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device).eval()
