"""Models that were fitted with --labels, behind HTTP."""

import csv

import numpy as np
import pyarrow.csv
import pytest
from PIL import Image

from poleward.classifier.classifier import OpenSetClassifier
from poleward.cli.app import app as commands

QUICK = ("--epochs", 2, "--width", 8, "--batch-size", 16, "--alpha", 0.2)


def told(model, source, ranking):
    """What `poleward score` says, as the server has to."""
    commands(["score", str(model), str(source), "--out", str(ranking)], standalone_mode=False)
    with ranking.open(newline="") as file:
        return [
            {"id": line["id"], "class": line["class"]}
            | {name: float(line[name]) for name in ("score", "p_value", "confidence")}
            | {name: line[name] == "true" for name in ("is_anomaly", "in_training")}
            for line in csv.DictReader(file)
        ]


def fitted(source, model, labels):
    words = ["fit", source, "--labels", labels, "--out", model, *QUICK]
    commands([str(word) for word in words], standalone_mode=False)
    return OpenSetClassifier.load(model, "cpu")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Rows of two kinds, some cells missing."""
    folder = tmp_path_factory.mktemp("kinds")
    rng = np.random.default_rng(0)
    lines = [f"{rng.normal() + 3 * (i % 2)},{'' if i % 9 == 0 else rng.normal()},{'ab'[i % 2]}" for i in range(80)]
    (folder / "t.csv").write_text("x,y,kind\n" + "\n".join(lines) + "\n")
    return folder, fitted(folder / "t.csv", folder / "m", "kind")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Images of two folders, dark ones and bright ones."""
    folder = tmp_path_factory.mktemp("folders")
    rng = np.random.default_rng(0)
    for number in range(40):
        place = folder / "images" / ("dark", "bright")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 90, (8, 8, 3)) + 120 * (number % 2)
        Image.fromarray(image.astype(np.uint8)).save(place / f"{number:02d}.png")
    return folder, fitted(folder / "images", folder / "m", "folders")


def test_rows_have_class_and_confidence_with_the_bits_of_the_command_line(ask, kinds, tmp_path):
    folder, classifier = kinds
    client, expected = ask(classifier), told(folder / "m", folder / "t.csv", tmp_path / "r.csv")
    body = (folder / "t.csv").read_bytes()
    assert client.post("/score", content=body, headers={"content-type": "text/csv"}).json() == {"samples": expected}
    rows = pyarrow.csv.read_csv(folder / "t.csv").drop_columns("kind").to_pylist()
    assert client.post("/score", json={"rows": rows[:7]}).json()["samples"] == expected[:7]


def test_images_have_class_and_confidence_with_the_bits_of_the_command_line(ask, folders, tmp_path):
    folder, classifier = folders
    expected = told(folder / "m", folder / "images", tmp_path / "r.csv")
    files = [("file", (line["id"], (folder / "images" / line["id"]).read_bytes(), "image/png")) for line in expected]
    assert ask(classifier).post("/score", files=files[::3]).json()["samples"] == expected[::3]


@pytest.mark.parametrize("path", ["/explain", "/correct"])
def test_what_a_classifier_cannot_do_is_said(ask, refused, kinds, path):
    answer = ask(kinds[1]).post(path, json=[[1, 2]])
    assert "was fitted with --labels and only scores" in refused(answer, 409)


def test_health_names_the_classes(ask, kinds):
    health = ask(kinds[1]).get("/health").json()
    assert (health["kind"], health["classes"], health["corrects"]) == ("table", ["a", "b"], False)


def test_openapi_speaks_of_classes(ask, kinds, rows):
    def fields(estimator):
        told = ask(estimator).get("/openapi.json").json()
        answer = told["paths"]["/score"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        schemas = told["components"]["schemas"]
        sample = schemas[answer.rpartition("/")[2]]["properties"]["samples"]["items"]["$ref"]
        return set(schemas[sample.rpartition("/")[2]]["properties"])

    assert fields(kinds[1]) - fields(rows.detector) == {"class", "confidence"}
