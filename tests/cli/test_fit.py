import json

import numpy as np
import pytest

from poleward.classifier.settings import CHOICES as OF_CLASSIFIERS
from poleward.detector.detector import Detector
from poleward.detector.settings import CHOICES as OF_DETECTORS
from poleward.objectives.catalogue import OBJECTIVES
from poleward.scoring.catalogue import IMAGE_VIEWS, SCORERS

QUICK = ("--epochs", 1, "--n-latent", 3)


def test_a_folder_of_images_becomes_a_model(poleward, sources, here):
    done = poleward("fit", sources / "images", "--out", "m", *QUICK)
    assert done.code == 0
    assert done.out == "Trained on 35 samples, calibrated on 6; the model lies in m\n"
    assert here() == ["m"]
    assert Detector.load("m").sample(2).shape == (2, 8, 6, 3)


def test_what_to_know_before_trusting_it_is_said_on_the_side(poleward, sources, here):
    done = poleward("fit", sources / "images", "--out", "m", *QUICK)
    assert done.err.startswith("6 calibration samples cannot show a level of 0.01")
    assert done.err.count("\n") == 1


def test_progress_is_quiet_when_nobody_watches(poleward, sources, here):
    assert poleward("fit", sources / "images", "--out", "m", "--alpha", 0.2, *QUICK).err == ""


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_trains_on_images_and_on_tables(poleward, sources, here, objective):
    for source, words in (("images", []), ("table.csv", ["--exclude", "name,odd"])):
        assert poleward("fit", sources / source, "--out", "m", "--objective", objective, *QUICK, *words).code == 0
        assert json.loads((here / "m/manifest.json").read_text())["settings"]["objective"] == objective


@pytest.mark.parametrize("scorer", SCORERS)
def test_every_scorer_ranks_images_and_those_that_suit_tables_rank_tables(poleward, sources, here, scorer):
    on_table = [] if scorer in IMAGE_VIEWS else [("table.csv", ["--exclude", "name,odd"])]
    for source, words in (("images", []), *on_table):
        assert poleward("fit", sources / source, "--out", "m", "--scorer", scorer, *QUICK, *words).code == 0
        assert poleward("score", "m", sources / source, "--out", "s.csv").code == 0


def test_an_array_file_gives_the_model_that_its_array_gives(poleward, sources, here):
    poleward("fit", sources / "arrays.npz", "--out", "m", "--seed", 5, *QUICK)
    with np.load(sources / "arrays.npz") as held:
        images = held["X"]
    detector = Detector(epochs=1, n_latent=3, random_state=5).fit(images)
    assert np.array_equal(Detector.load("m").score_samples(images), detector.score_samples(images))


def test_images_with_more_bands_than_rows_keep_their_bands(poleward, here):
    images = np.random.default_rng(0).normal(size=(20, 5, 4, 9))
    folder = here / "cubes"
    folder.mkdir()
    for number, image in enumerate(images):
        np.save(folder / f"{number}.npy", image)
    assert poleward("fit", folder, "--out", "m", *QUICK).code == 0
    assert Detector.load("m").model_.preparation.shape == (9, 5, 4)
    assert poleward("score", "m", folder, "--out", "s.csv").code == 0


def test_a_model_is_replaced_and_nothing_else_is(poleward, refused, sources, here):
    poleward("fit", sources / "images", "--out", "m", *QUICK)
    assert poleward("fit", sources / "images", "--out", "m", "--scorer", "norm", *QUICK).code == 0
    assert Detector.load("m").scorer == "norm"
    (here / "m" / "notes.txt").write_text("mine")
    assert "something else" in refused("fit", sources / "images", "--out", "m", *QUICK)
    assert (here / "m" / "notes.txt").exists()


def test_a_model_reached_by_a_link_is_replaced_where_it_lies(poleward, sources, here):
    poleward("fit", sources / "images", "--out", "disc/m", *QUICK)
    (here / "m").symlink_to(here / "disc" / "m")
    assert poleward("fit", sources / "images", "--out", "m", "--scorer", "norm", *QUICK).code == 0
    assert Detector.load("m").scorer == "norm"
    assert here() == ["disc", "m"]


def test_folders_on_the_way_are_made(poleward, sources, here):
    assert poleward("fit", sources / "images", "--out", "a/b/m", *QUICK).code == 0
    assert here() == ["a"]
    assert sorted(path.name for path in (here / "a" / "b").iterdir()) == ["m"]


def test_the_model_knows_its_source(poleward, sources, here):
    words = ["--where", "split=train", "--resize", "4x4"]
    poleward("fit", sources / "images", "--out", "m", *QUICK, *words)
    facts = json.loads((here / "m/manifest.json").read_text())["facts"]
    assert (facts["source"], facts["selection"]) == ("images", "--where split=train")
    assert facts["reading"] == {"resize": "4x4", "nodata": None}


def test_a_constant_column_is_kept_and_said(poleward, write_table, here):
    write_table(here / "t.csv", site="north")
    assert poleward("fit", "t.csv", "--out", "m", "--exclude", "name,odd", *QUICK).code == 0
    assert "Constant in training, kept: site." in poleward("info", "m").out


def test_fewer_samples_than_a_batch_are_enough(poleward, sources, here):
    words = ["--limit", 6, "--batch-size", 500]
    assert poleward("fit", sources / "images", "--out", "m", *QUICK, *words).code == 0


@pytest.mark.parametrize("setting", ["objective", "scorer"])
@pytest.mark.parametrize("labels", [(), ("--labels", "odd")], ids=["detector", "classifier"])
def test_the_word_list_names_every_objective_and_scorer(refused, sources, here, setting, labels):
    said = refused("fit", sources / "table.csv", "--out", "m", f"--{setting}", "list", *labels)
    choices = (OF_CLASSIFIERS if labels else OF_DETECTORS)[setting]
    assert said == f"poleward: {setting} = 'list': choose one of {', '.join(choices)}\n"
