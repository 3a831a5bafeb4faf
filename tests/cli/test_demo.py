import numpy as np
import pytest

from poleward.data import digits, galaxies
from poleward.data.rankings import read_ranking
from poleward.data.task import Task
from poleward.detector.detector import Detector

WORDS = ("--epochs", 1, "--out", "d")


@pytest.fixture(autouse=True)
def a_small_task(monkeypatch):
    """The whole of the demonstration, on few images."""

    def task(seed=0):
        images = np.random.default_rng(seed).integers(0, 99, (100, 8, 8, 1)).astype(np.uint8)
        odd = np.arange(40) % 5 == 0
        images[60:][odd] += 100
        return Task(images[:60], images[60:], odd, ["odd" if one else "plain" for one in odd])

    monkeypatch.setattr(galaxies, "galaxy_task", task)


def test_it_leaves_a_model_a_ranking_and_a_page_and_says_where(poleward, here):
    done = poleward("demo", *WORDS)
    assert done.code == 0, done.err
    assert sorted(path.name for path in (here / "d").iterdir()) == ["model", "ranking.csv", "report.html"]
    assert done.out.splitlines()[0] == "60 normal galaxies to learn from; 40 to rank, 8 of them odd"
    assert "AUROC" in done.out
    last = done.out.splitlines()[-1]
    assert last == "The report lies in d/report.html, the ranking in d/ranking.csv, the model in d/model"
    assert len(read_ranking("d/ranking.csv").id) == 40
    assert Detector.load("d/model").model_.facts["n_samples"] == 60


def test_it_can_be_run_again_in_the_same_place(poleward, here):
    assert poleward("demo", *WORDS).out == poleward("demo", *WORDS).out


def test_another_seed_is_another_run(poleward, here):
    rankings = []
    for seed in (0, 1):
        poleward("demo", *WORDS, "--seed", seed)
        rankings.append(read_ranking("d/ranking.csv").score.tolist())
    assert rankings[0] != rankings[1]


def test_the_other_data_are_handwritten_digits(poleward, here, monkeypatch):
    monkeypatch.setattr(digits, "load_digits_task", galaxies.galaxy_task)
    assert poleward("demo", *WORDS, "--data", "digits").out.startswith("60 normal digits to learn from")


def test_data_that_there_are_not(refused, here):
    assert refused("demo", "--data", "flowers", *WORDS) == (
        "poleward: --data is 'flowers'; choose one of galaxies, digits\n"
    )
    assert here() == []


def test_a_place_that_cannot_be_written(refused, here):
    (here / "file").touch()
    assert "file" in refused("demo", "--epochs", 1, "--out", "file/d")
    assert here() == ["file"]
