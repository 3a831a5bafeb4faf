"""A detector written as a folder that scores without torch."""

from pathlib import Path
from typing import TYPE_CHECKING

from poleward.artifact.folder import EXPORTED, require_replaceable, write_folder
from poleward.detector.construction import circumstances
from poleward.detector.encoding import CHUNK
from poleward.detector.graph import OUTPUTS, Graph
from poleward.detector.storage import arrays_to_score, manifest_content
from poleward.export.agreement import TOLERANCE, Agreement, agreement, made_samples
from poleward.export.network import OPSET, as_onnx
from poleward.records import Features

if TYPE_CHECKING:
    from poleward.detector.detector import Detector


def export(detector: "Detector", folder: str | Path, features: Features | None = None) -> Agreement:
    """Write a fitted detector as ``manifest.json``, ``arrays.npz`` and ``network.onnx``, whole or not at all.

    features : prepared samples on which both must agree, and that are kept in the folder; made ones when None

    Errors
    ------
    OutputError when the two do not agree, or the folder cannot be written or holds something else; SettingError for a
    detector that was itself exported.
    """
    model, place = detector.model_, Path(folder)
    autoencoder = model.ranker.autoencoder
    require_replaceable(place)
    decodes = "reconstructions" in model.ranker.scorer.needs
    content = as_onnx(autoencoder, model.kind, tuple(model.preparation.shape), decodes)
    graph = Graph(content, autoencoder.n_latent, rows=model.kind == "table")
    found = agreement(model, graph, made_samples(model) if features is None else features)
    about = circumstances(model.preparation, model.settings, autoencoder.objective, model.facts["seed"])
    manifest = manifest_content(detector) | {
        "corrector": None,
        "objective": {"weight": about.weight, "spherical": about.spherical},
        "network": {
            "opset": OPSET,
            "chunk": CHUNK[model.kind],
            "inputs": ["values", "observed"][: 1 + autoencoder.sees_missing],
            "outputs": list(OUTPUTS.values())[: 2 + decodes],
        },
        "agreement": {"samples": len(found.scores), "farthest": found.farthest, "tolerance": TOLERANCE},
    }
    write_folder(place, EXPORTED, manifest, arrays=arrays_to_score(model) | found.arrays(), graph=content)
    return found
