import numpy as np
import pytest

from poleward.benchmark.contenders import Effort
from poleward.benchmark.splits import Split
from poleward.benchmark.tables import ring, under
from poleward.benchmark.trained import OURS, default_scores, objective_scores
from poleward.data.galaxies import galaxy_task
from poleward.detector.detector import Detector
from poleward.objectives.catalogue import OBJECTIVES

SHORT = Effort(epochs=1)


@pytest.fixture(scope="module")
def table():
    return under("normal-only", "confirm", "ring", lambda: ring(120, 12)).split(0)


@pytest.fixture(scope="module")
def images():
    task = galaxy_task(24, 12, odd_share=0.5, size=8, bands=1, seed=0)
    return Split("g", "d", 0, task.train, task.test, task.is_odd)


def test_the_default_row_is_the_detector_with_nothing_said(table):
    detector = Detector(epochs=1, random_state=0).fit(table.train)
    assert np.array_equal(default_scores(table, SHORT), -detector.score_samples(table.test))


def test_every_objective_has_a_contender():
    assert {one.name for one in OURS} == {"default", "default-clean", *OBJECTIVES}


@pytest.mark.parametrize(
    ("row", "scorer"),
    [("compressed+knn", "knn"), ("compressed+forest", "isolation-forest"), ("compressed+mse", "reconstruction")],
)
def test_scores_of_one_training_are_those_of_a_detector_with_that_scorer(table, row, scorer):
    detector = Detector("compressed", scorer, epochs=1, random_state=0).fit(table.train)
    assert np.allclose(objective_scores("compressed", table, SHORT)[row], -detector.score_samples(table.test))


def test_the_norm_objective_is_scored_with_its_loss_too(table):
    scores = objective_scores("norm", table, SHORT)
    detector = Detector("norm", "norm", epochs=1, random_state=0).fit(table.train)
    assert np.allclose(scores["norm+loss"], -detector.score_samples(table.test))


@pytest.mark.parametrize("contender", OURS, ids=lambda one: one.name)
def test_every_row_scores_every_image(contender, images):
    scores = contender.scores(images, SHORT)
    assert tuple(scores) == contender.rows
    assert all(values.shape == (12,) and np.isfinite(values).all() for values in scores.values())
