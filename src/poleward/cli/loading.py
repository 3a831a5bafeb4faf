"""A model folder as the estimator that wrote it."""

from pathlib import Path
from typing import TYPE_CHECKING

from poleward.errors import SettingError

if TYPE_CHECKING:
    from poleward.classifier.classifier import OpenSetClassifier
    from poleward.detector.detector import Detector


def is_classifier(folder: Path) -> bool:
    """Whether `poleward fit --labels` wrote it; ModelError when it holds no model."""
    from poleward.artifact.folder import CLASSIFIER, EXPORTED, MODEL, read_manifest

    return bool(read_manifest(folder, MODEL, EXPORTED, CLASSIFIER)["kind"] == CLASSIFIER)


def load_estimator(folder: Path, device: str) -> "Detector | OpenSetClassifier":
    """The detector or the classifier that lies there."""
    if is_classifier(folder):
        from poleward.classifier.classifier import OpenSetClassifier

        return OpenSetClassifier.load(folder, device)
    from poleward.detector.detector import Detector

    return Detector.load(folder, device)


def load_classifier(folder: Path, device: str) -> "OpenSetClassifier":
    """The classifier that lies there; SettingError for a detector."""
    from poleward.classifier.classifier import OpenSetClassifier

    if not is_classifier(folder):
        raise SettingError(f"{folder}: is a detector, which knows no classes; fit a model with --labels")
    return OpenSetClassifier.load(folder, device)
