"""poleward info."""

import json as json_format
from typing import Annotated, Any

import typer

from poleward.cli.options import Model
from poleward.cli.terminal import say, table


def info(
    model: Model,
    json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
) -> None:
    """Say what was trained on what."""
    from poleward.artifact.folder import CLASSIFIER, EXPORTED, MODEL, read_manifest, understood
    from poleward.data.preparation import load_preparation

    manifest = read_manifest(model, MODEL, EXPORTED, CLASSIFIER)
    if json:
        say(json_format.dumps(manifest))
        return
    with understood(model):
        lines, sentences = facts_in_words(manifest), load_preparation(manifest["preparation"]).describe()
    table("", lines)
    for sentence in sentences:
        say(sentence)


def facts_in_words(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """What the model is and what it was trained on, in (name, value) pairs."""
    facts, settings, versions = manifest["facts"], manifest["settings"], manifest["versions"]
    source = f"{facts['source']} {facts['selection']}".strip() if "source" in facts else "arrays in memory"
    n_trained = facts["n_trained"]
    return [
        ("data", f"{source}, {facts['n_samples']} {'images' if facts['kind'] == 'images' else 'rows'}"),
        ("trained / calibrated on", f"{facts['n_trained']} / {facts['n_calibration']}"),
        *([("calibrated anew on", facts["calibrated_on"])] if "calibrated_on" in facts else []),
        *(
            [("added since", f"{facts['n_added']}, to {' then '.join(facts['updated_from'])}")]
            if "n_added" in facts
            else []
        ),
        *(
            [("kept by the scorer", f"{facts['n_kept']} of those trained on")]
            if facts.get("n_kept", n_trained) < n_trained
            else []
        ),
        *(learned_classes(manifest) if manifest.get("kind") == "classifier" else learned_codes(manifest)),
        ("epochs, batch, seed", f"{facts['epochs']}, {settings['batch_size']}, {facts['seed']}"),
        ("anomaly above score", threshold_in_words(manifest)),
        ("data fingerprint", str(facts["data_fingerprint"])),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]


def learned_codes(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """How a detector sees."""
    facts, settings = manifest["facts"], manifest["settings"]
    weight = "its own" if settings["weight"] is None else settings["weight"]
    return [
        ("objective", f"{settings['objective']} ({settings['parametrisation']}, weight {weight})"),
        ("scorer", str(settings["scorer"])),
        ("latent dimensions", f"{facts['n_latent']}, of which {facts['n_latent_dead']} dead"),
    ]


def learned_classes(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """What a classifier tells apart, and how it sees."""
    facts, settings = manifest["facts"], manifest["settings"]
    counts = dict(zip(manifest["classes"]["values"], facts["class_counts"], strict=True))
    named = [f"{name} ({count:,})" for name, count in counts.items()]
    return [
        ("classes", f"{len(named):,}: {', '.join(named[:MOST_NAMED])}{', ...' if len(named) > MOST_NAMED else ''}"),
        ("accuracy on calibration samples", f"{facts['calibration_accuracy']:.4f}"),
        ("objective", str(settings["objective"])),
        ("scorer", str(settings["scorer"])),
        ("features, codes", f"{facts['n_features']}, {facts['n_codes']}"),
    ]


MOST_NAMED = 20
"""Classes that are named with their counts."""


def threshold_in_words(manifest: dict[str, Any]) -> str:
    """Above which score a sample is an anomaly, and where that comes from."""
    facts, alpha, decision = manifest["facts"], manifest["settings"]["alpha"], manifest["decision"]
    if decision["alpha"] != alpha:
        return f"that of level {decision['alpha']}, set by hand"
    by_hand = decision["threshold"] != manifest["calibrated_threshold"]
    words = {
        "alpha": f"level {alpha}",
        "contamination": f"{facts.get('contamination', 0):.1%} of the training data are above",
        "hand": "set by hand",
    }
    return f"{decision['threshold']:.6g} ({words['hand' if by_hand else facts['threshold_from']]})"
