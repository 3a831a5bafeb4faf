import json
import shutil

import pytest

from poleward import Detector


def test_words_say_what_was_trained_on_what(poleward, models):
    said = " ".join(poleward("info", models / "table").out.split())
    for words in (
        "data table.csv --where odd=0, 108 rows",
        "trained / calibrated on 92 / 16",
        "objective compressed (dimension-free, weight its own)",
        "scorer input-knn",
        "latent dimensions 3, of which 0 dead",
        "epochs, batch, seed 1, 200, 0",
        "(level 0.01)",
        "Numeric: a, b.",
        "Categorical: colour, flag.",
        "Date: day.",
    ):
        assert words in said


def test_words_about_images_say_size_and_scale(poleward, models):
    said = poleward("info", models / "images").out
    assert "Images of 8 x 6 pixels and 3 bands (uint8), linear stretch." in said
    assert "Band 1: " in said


def test_json_is_the_manifest(poleward, models):
    told = json.loads(poleward("info", models / "images", "--json").out)
    written = json.loads((models / "images" / "manifest.json").read_text())
    assert {**written, **told} == written
    assert {"facts", "settings", "versions", "preparation"} <= set(told)


def test_words_that_look_like_markup_or_emoji_are_printed_as_they_are(poleward, write_images, here):
    write_images(here / "a[red]:100:b")
    poleward("fit", "a[red]:100:b", "--out", "m", "--epochs", 1, "--n-latent", 3)
    assert "a[red]:100:b" in poleward("info", "m").out
    assert json.loads(poleward("info", "m", "--json").out)["facts"]["source"] == "a[red]:100:b"


def test_a_model_fitted_in_python_has_no_source(poleward, here):
    import numpy as np

    Detector(epochs=1, n_latent=3).fit(np.random.default_rng(0).normal(size=(40, 3))).save("m")
    assert "arrays in memory, 40 rows" in " ".join(poleward("info", "m").out.split())


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_what_is_no_model_is_refused(refused, here, words):
    assert "does not exist" in refused("info", "nowhere", *words)
    assert "is not a Poleward folder" in refused("info", ".", *words)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threshold": 2.5}, "anomaly above score 2.5 (set by hand)"),
        ({"alpha": 0.2}, "anomaly above score that of level 0.2, set by hand"),
    ],
)
def test_a_decision_that_was_edited_is_said_to_be(poleward, models, here, changes, said):
    shutil.copytree(models / "table", here / "m")
    manifest = json.loads((here / "m/manifest.json").read_text())
    manifest["decision"] |= changes
    (here / "m/manifest.json").write_text(json.dumps(manifest))
    assert said in " ".join(poleward("info", "m").out.split())


def test_a_threshold_that_contamination_set_is_said_to_be(poleward, sources, here):
    words = ["--contamination", 0.1, "--exclude", "name,odd", "--epochs", 1, "--n-latent", 3]
    poleward("fit", sources / "table.csv", "--out", "m", *words)
    assert "(10.0% of the training data are above)" in " ".join(poleward("info", "m").out.split())
