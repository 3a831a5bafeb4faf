"""A detector from a folder: a model as ``poleward fit`` wrote it, or an exported one, which needs no torch."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from poleward.artifact.folder import EDITABLE, EXPORTED, MODEL, Folder, read_folder, understood
from poleward.artifact.naming import under
from poleward.calibration.conformal import Conformal
from poleward.data.fingerprint import fingerprints
from poleward.data.preparation import Preparation, load_preparation
from poleward.detector.graph import Graph
from poleward.detector.island import Island
from poleward.detector.model import BY_HAND, Model
from poleward.detector.ranker import Ranker, member
from poleward.detector.recalibration import M, at_level
from poleward.detector.settings import Settings, is_number
from poleward.errors import ModelError, SettingError
from poleward.scoring.catalogue import Circumstances, build_scorer

FACTS: dict[str, type] = {
    "kind": str,
    "threshold_from": str,
    "data_fingerprint": str,
    **dict.fromkeys(("n_samples", "n_trained", "n_calibration", "n_left_out"), int),
    **dict.fromkeys(("n_latent", "n_latent_dead", "epochs", "seed"), int),
}
"""Facts that every model has, and their types."""


LEAST = {"layout_", "columns_", "named_", "n_features_in_"}
"""Fitted attributes that every estimator has."""


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
        require_plain(contents.manifest)
        settings = Settings(**contents.manifest["settings"])
        model = as_edited(_model(contents, settings, device), contents.manifest[EDITABLE])
        require_working(model)
        attributes = restored_attributes(contents.manifest["estimator"])
        if not attributes.keys() >= LEAST:
            raise ValueError(f"the estimator has no {', '.join(sorted(LEAST - attributes.keys()))}")
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
    with understood(folder):
        try:
            yield
        except SettingError as error:
            raise ModelError(
                f"{folder}: the manifest holds a setting that this version does not accept: {error}"
            ) from error


def require_plain(manifest: Mapping[str, Any]) -> None:
    """ValueError where facts or training curves are not of their type."""
    facts, history = manifest["facts"], manifest["history"]
    for name, kind in FACTS.items():
        if not isinstance(facts[name], kind):
            raise ValueError(f"{name} is {facts[name]!r}")
    read = facts.get("reading", {})
    if not (isinstance(read.get("resize"), str | None) and isinstance(read.get("nodata"), int | float | None)):
        raise ValueError(f"reading is {read!r}")
    if not isinstance(facts.get("id_column"), str | None):
        raise ValueError(f"id_column is {facts['id_column']!r}")
    if not all(isinstance(value, int | float) for curve in history.values() for value in list(curve)):
        raise ValueError("a training curve holds something else than numbers")


def require_working(model: Model) -> None:
    """Prepare, encode and score one sample: what a model needs for it must be there and fit together.

    Errors
    ------
    ValueError where its score is no number; whatever is raised where parts do not fit.
    """
    ranker = model.ranker
    features = model.preparation.encode(model.restore(np.zeros((1, *model.preparation.shape))))
    decoded = () if isinstance(ranker.network, Graph) else ("reconstructions",)  # an exported one may have no decoder
    encoded = ranker.encode(features.__getitem__, 1, ranker.scorer.needs.union(decoded))
    with np.errstate(all="ignore"):
        score = ranker.scorer.score(encoded, member(fingerprints(features), ranker.trained_prints))
    p_value = model.conformal.p_values(score)
    if np.isnan([*score, *p_value, model.threshold, *model.island.draw(1, seed=0)[0]]).any():
        raise ValueError("a sample has no score")


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
