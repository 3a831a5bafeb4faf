"""A detector from a folder: a model as ``poleward fit`` wrote it, or an exported one, which needs no torch."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from poleward.artifact.folder import EDITABLE, EXPORTED, MODEL, Folder, read_folder
from poleward.artifact.naming import under
from poleward.calibration.conformal import Conformal
from poleward.data.preparation import Preparation, load_preparation
from poleward.detector.graph import Graph
from poleward.detector.island import Island
from poleward.detector.model import BY_HAND, Model
from poleward.detector.ranker import Ranker
from poleward.detector.recalibration import M, at_level
from poleward.detector.settings import Settings, is_number
from poleward.errors import ModelError, SettingError
from poleward.scoring.catalogue import Circumstances, build_scorer


@dataclass(frozen=True)
class Stored:
    """What a folder held: parameters and attributes of the estimator, and its model."""

    parameters: dict[str, Any]
    attributes: dict[str, Any]
    model: Model


def load_stored(folder: Path, device: str) -> Stored:
    """Read a fitted detector; ModelError when the folder is missing, foreign, newer, truncated or changed."""
    contents = read_folder(folder, MODEL, EXPORTED)
    with misfits_named(folder):
        settings = Settings(**contents.manifest["settings"])
        model = as_edited(_model(contents, settings, device), contents.manifest[EDITABLE])
        attributes = restored_attributes(contents.manifest["estimator"])
    return Stored(asdict(model.settings) | {"random_state": model.facts["seed"]}, attributes, model)


def restored_attributes(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `storage.stored_attributes`."""
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
    is_exported = manifest["kind"] == EXPORTED
    parts = exported_parts if is_exported else trained_parts
    ranker = parts(contents, settings, preparation, device)
    ranker.scorer.restore(under("scorer.", arrays))
    corrector = None
    if settings.correction and not is_exported:
        from poleward.detector.correcting import Learned

        corrector = Learned(manifest["corrector"], under("corrector.", arrays))
    return Model(
        settings=settings,
        preparation=preparation,
        ranker=ranker,
        conformal=Conformal(arrays["calibration.scores"]),
        calibration_prints=arrays["prints.calibration"],
        seen_prints=arrays["prints.seen"],
        limits=arrays["limits"],
        reference=arrays.get("reference", np.empty((0, 0))),
        island=Island(arrays["island.mean"], arrays["island.root"]),
        corrector=corrector,
        threshold=float(manifest["calibrated_threshold"]),
        history=manifest["history"],
        facts=manifest["facts"],
    )


def trained_parts(contents: Folder, settings: Settings, preparation: Preparation, device: str) -> Ranker:
    """Network and scorer, not yet restored, of a model folder; this needs torch."""
    from poleward.detector.construction import scorer_for
    from poleward.detector.settings import resolve_device
    from poleward.detector.storage import stored_network

    place = resolve_device(device)
    network = stored_network(contents, settings, preparation, place)
    scorer = scorer_for(preparation, settings, network.objective, contents.manifest["facts"]["seed"])
    return Ranker(preparation.kind, network, scorer, contents.arrays["prints.trained"], place)


def exported_parts(contents: Folder, settings: Settings, preparation: Preparation, device: str) -> Ranker:
    """Network and scorer, not yet restored, of an exported model; it runs on the CPU, whatever device is asked for."""
    facts = contents.manifest["facts"]
    network = Graph(contents.graph, facts["n_latent"], rows=preparation.kind == "table")
    about = Circumstances(
        n_neighbors=settings.n_neighbors,
        seed=facts["seed"],
        shape=tuple(preparation.shape),
        squeezed=preparation.squeezed,
        **contents.manifest["objective"],
    )
    return Ranker(
        preparation.kind, network, build_scorer(settings.scorer, about), contents.arrays["prints.trained"], "cpu"
    )
