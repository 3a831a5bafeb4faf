import json
import shutil

import numpy as np
import pytest

from poleward.data.rankings import read_ranking
from poleward.detector.detector import Detector


@pytest.fixture
def new_rows(write_table, here):
    """Rows like those of training, none of them met before."""
    return write_table(here / "new.csv", n=200, seed=1)


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def recalibrated(poleward, models, new_rows, *words):
    done = poleward("recalibrate", models / "table", new_rows, "--where", "odd=0", *words)
    assert done.code == 0, done.err
    return done


def test_p_values_and_threshold_come_from_the_new_samples(poleward, models, new_rows, here):
    done = recalibrated(poleward, models, new_rows, "--out", "m", "--alpha", 0.1)
    assert done.out.startswith("Calibrated on 180 samples: anomaly above score ")
    assert done.out.endswith("(level 0.1), in m\n")
    detector = Detector.load("m")
    poleward("score", models / "table", new_rows, "--where", "odd=0", "--out", "s.csv")
    assert np.array_equal(detector.model_.conformal.scores, np.sort(read_ranking("s.csv").score))
    assert detector.model_.threshold == detector.model_.conformal.threshold(0.1)
    poleward("score", "m", new_rows, "--where", "odd=0", "--out", "n.csv")
    assert np.array_equal(read_ranking("n.csv").score, read_ranking("s.csv").score)
    assert read_ranking("n.csv").in_training.all()


def test_the_old_model_is_kept_and_the_new_one_lies_beside_it(poleward, models, new_rows, here):
    shutil.copytree(models / "table", here / "m")
    before = {path.name: path.read_bytes() for path in (here / "m").iterdir()}
    done = poleward("recalibrate", "m", new_rows, "--where", "odd=0")
    assert done.code == 0
    assert {path.name: path.read_bytes() for path in (here / "m").iterdir()} == before
    assert here() == ["m", "m-recalibrated", "new.csv"]


def test_the_old_model_is_replaced_when_its_own_place_is_named(poleward, models, new_rows, here):
    shutil.copytree(models / "table", here / "m")
    assert poleward("recalibrate", "m", new_rows, "--where", "odd=0", "--out", "m").code == 0
    assert here() == ["m", "new.csv"]
    assert manifest(here / "m")["facts"]["n_calibration"] == 180


def test_network_index_and_preparation_stay_as_they_were(poleward, models, new_rows, here):
    recalibrated(poleward, models, new_rows, "--out", "m")
    one, other = manifest(models / "table"), manifest(here / "m")
    assert one["preparation"] == other["preparation"]
    assert (here / "m/weights.safetensors").read_bytes() == (models / "table/weights.safetensors").read_bytes()
    assert np.array_equal(
        Detector.load("m").model_.ranker.trained_prints, Detector.load(models / "table").model_.ranker.trained_prints
    )


def test_samples_that_were_trained_on_are_left_out_and_counted(poleward, sources, models, here):
    done = poleward("recalibrate", models / "table", sources / "table.csv", "--out", "m")
    assert done.code == 0
    assert done.err.splitlines()[0].startswith("92 samples were trained on and are left out")
    assert len(Detector.load("m").model_.conformal.scores) == 120 - 92


def test_where_nothing_new_is_left_it_is_refused(refused, sources, here):
    X = np.random.default_rng(0).normal(size=(40, 3))
    detector = Detector(epochs=1, n_latent=3, random_state=0).fit(X)
    detector.save("m")
    trained = [x for x in X if not len(leftover(detector, x))]
    np.save("x.npy", np.array(trained))
    assert "none of the 34 samples is new to the model" in refused("recalibrate", "m", "x.npy", "--out", "n")
    assert here() == ["m", "x.npy"]


def leftover(detector, x):
    """Calibration scores that this row alone would give: none where it was trained on."""
    from poleward.errors import SourceError

    model = detector.model_
    try:
        return detector.recalibrate(x[None]).model_.conformal.scores
    except SourceError:
        return []
    finally:
        detector.model_ = model


def test_info_says_what_it_was_calibrated_on(poleward, models, new_rows, here):
    recalibrated(poleward, models, new_rows, "--out", "m", "--alarms", "20/1000")
    said = " ".join(poleward("info", "m").out.split())
    assert "trained / calibrated on 92 / 180" in said
    assert "calibrated anew on new.csv --where odd=0" in said
    assert "(level 0.02)" in said


def test_the_device_and_a_config_file_can_be_named(poleward, models, new_rows, here):
    (here / "c.toml").write_text('alarms = "1/20"\n')
    recalibrated(poleward, models, new_rows, "--out", "m", "--config", "c.toml", "--device", "cpu")
    assert Detector.load("m").alpha == 0.05


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--alpha", 2], "alpha = 2.0"),
        (["--alpha", 0.1, "--alarms", "1/10"], "--alpha and --alarms were both said"),
        (["--where", "odd=7"], "nothing is left"),
        (["--out", "."], "."),
    ],
)
def test_what_cannot_be_followed_leaves_nothing_behind(refused, models, new_rows, here, words, said):
    assert said in refused("recalibrate", models / "table", new_rows, *["--out", "m", *words])
    assert here() == ["new.csv"]
