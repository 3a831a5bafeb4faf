from dataclasses import replace

import numpy as np
import pytest
import torch

from poleward.benchmark import open_set
from poleward.benchmark.class_splits import ClassSplit, made_data_sets
from poleward.benchmark.contenders import Effort, among
from poleward.benchmark.open_set import Budget, Trained, Trainings, contenders, further, places_codes, scores_of
from poleward.benchmark.published import MODES, PURE
from poleward.benchmark.released import means, released_rows
from poleward.classifier.model import ClassifierModel
from poleward.data.labelled import Labelled
from poleward.networks.residual import ResidualEncoder


@pytest.fixture(scope="module")
def split():
    return made_data_sets()[0].split(0)


@pytest.fixture(scope="module")
def fittings():
    return []


@pytest.fixture(scope="module")
def contender(fittings):
    """Islands, of which every fitting is counted."""
    fitted = open_set.fit_classifier
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_set, "fit_classifier", lambda *said: fittings.append(said) or fitted(*said))
        yield next(one for one in contenders() if one.name == "islands")


def test_one_training_serves_every_score_and_every_set_it_is_ranked_against(split, contender, fittings):
    found = contender.scores(split, Effort(1))
    other = ClassSplit.of(
        "g",
        "noise",
        0,
        Labelled(split.train, split.labels),
        Labelled(split.test[:20], split.test_labels[:20]),
        split.test[::-1][:9],
    )
    contender.scores(other, Effort(1))
    about = contender.also(split, Effort(1))
    assert set(found) == set(contender.rows) and all(len(scores) == len(split.test) for scores in found.values())
    assert 0 <= about["accuracy"] <= 1 and about["training_minutes"] > 0 and len(fittings) == 1


@pytest.mark.parametrize(("device", "name"), [("cpu", "training_minutes"), ("cuda", "gpu_minutes")])
def test_minutes_of_a_gpu_have_a_column_of_their_own(split, device, name, monkeypatch):
    right = split.test_labels[~split.is_anomaly]
    model = ClassifierModel.__new__(ClassifierModel)
    model.device = device
    monkeypatch.setattr(Trained, "judged", lambda self, images: ({}, right))
    monkeypatch.setattr(Trainings, "of", lambda *asked: Trained("islands", model, 2.0))
    assert further("islands", "", Trainings(), split, Effort(1)) == {"accuracy": 1.0, name: 2.0}


def test_scores_are_in_the_order_of_the_samples_whatever_else_is_ranked(split, contender):
    order = np.random.default_rng(0).permutation(len(split.test))
    shuffled = replace(split, test=split.test[order], is_anomaly=split.is_anomaly[order])
    one, other = contender.scores(split, Effort(1)), contender.scores(shuffled, Effort(1))
    for row, scores in one.items():
        np.testing.assert_array_equal(scores[order], other[row], err_msg=row)


def test_trainings_on_other_classes_are_let_go(split, monkeypatch):
    monkeypatch.setattr(open_set, "fit_classifier", lambda *said: ClassifierModel.__new__(ClassifierModel))
    small, trainings = Budget(32, 1), Trainings()
    fewer = replace(split, train=split.train[:-9], labels=split.labels[:-9])
    first = trainings.of("islands", small, split)
    assert trainings.of("islands", small, split) is first
    assert trainings.of("godin", small, split) is not first and len(trainings.held) == 2
    trainings.of("islands", small, fewer)
    assert len(trainings.held) == 1


def test_the_published_score_is_the_mean_distance_to_three_codes_as_they_are(split, contender):
    trained = contender.scores.args[2].of("islands", Budget(32, 1), split)
    known = trained.model.codes(split.train)[trained.model.memory.trained]
    distances = np.linalg.norm(trained.model.codes(split.test)[:, None] - known, axis=2)
    expected = np.sort(distances, axis=1)[:, :3].mean(axis=1)
    np.testing.assert_allclose(contender.scores(split, Effort(1))["islands+3nn-codes"], expected, rtol=1e-4)


def test_only_objectives_with_a_space_of_their_own_have_rows_of_codes():
    assert places_codes("cider") and not places_codes("cross-entropy")
    assert "knn-codes" in scores_of("cider") and "knn-codes" not in scores_of("cross-entropy")
    assert all("odin" in scores_of(name) for name in ("cider", "cross-entropy"))


def test_scores_that_need_a_linear_head_are_left_out_where_there_is_none():
    assert "vim" in scores_of("cross-entropy") and "vim" not in scores_of("godin")


def test_the_default_is_a_row_by_that_name():
    assert [one.name for one in contenders() if "default" in one.rows] == ["islands"]


def test_more_than_the_usual_training_is_done_only_where_it_is_asked_for():
    asked = {one.name for one in among(contenders(), [])}
    assert "islands" in asked and not any(name.endswith(("-short", "-hour", "-gpu")) for name in asked)
    (long,) = among(contenders(), ["default-hour"])
    assert long.name == "islands-hour" and long.rows == ("default-hour",)


def test_released_rows_that_read_labels_stand_apart():
    assert open_set.RELEASED.apart == {row for row in released_rows() if row.endswith(PURE)}
    assert len(released_rows()) == len(MODES)


def test_means_come_in_the_order_of_the_images():
    encoder = ResidualEncoder(3, (32, 32), 4).eval()
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)
    backwards = means(encoder, images, [np.array([5, 3, 1]), np.array([0, 2, 4])])
    with torch.no_grad():
        whole = encoder(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)[:, :4]
    np.testing.assert_allclose(backwards, whole, atol=1e-5)
