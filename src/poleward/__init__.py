"""Poleward finds what does not belong in a collection of images or a table, and says how sure it is.

>>> import poleward
>>> poleward.Detector(objective="compressed").get_params()["objective"]
'compressed'
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poleward.classifier.classifier import OpenSetClassifier
    from poleward.detector.detector import Detector

__version__ = "0.1.0"
__all__ = ["Detector", "OpenSetClassifier", "__version__"]


def __getattr__(name: str) -> Any:
    # torch is imported only when an estimator is asked for, so that `poleward --help` answers at once.
    if name == "Detector":
        from poleward.detector.detector import Detector

        return Detector
    if name == "OpenSetClassifier":
        from poleward.classifier.classifier import OpenSetClassifier

        return OpenSetClassifier
    raise AttributeError(f"module 'poleward' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
