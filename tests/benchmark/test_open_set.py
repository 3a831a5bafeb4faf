import numpy as np
import pytest
import torch

from poleward.benchmark import open_set
from poleward.benchmark.contenders import Effort
from poleward.benchmark.open_set import ClassSplit, contenders, data_sets, made_data_sets, scores_of, with_classes
from poleward.benchmark.published import MODES, PURE
from poleward.benchmark.released import means, released_rows
from poleward.benchmark.splits import Split, chosen
from poleward.errors import SettingError
from poleward.networks.residual import ResidualEncoder


@pytest.fixture(scope="module")
def split():
    return made_data_sets()[0].split(0)


def test_classes_that_are_left_out_are_not_trained_on_and_are_the_anomalies(split):
    assert set(np.unique(split.labels)) == {0, 1, 2, 4, 5, 6, 7, 9}
    assert set(split.test_labels[split.is_anomaly]) == {-1}
    assert not set(split.test_labels[~split.is_anomaly]) & {3, 8}


def test_one_training_serves_every_score_and_every_set_it_is_ranked_against(split, monkeypatch):
    trainings = []
    fitted = open_set.fit_classifier
    monkeypatch.setattr(open_set, "fit_classifier", lambda *said: trainings.append(said) or fitted(*said))
    one = next(contender for contender in contenders() if contender.name == "cross-entropy")
    found = one.scores(split, Effort(1))
    other = ClassSplit.of(
        "g",
        "noise",
        0,
        open_set.Labelled(split.train, split.labels),
        open_set.Labelled(split.test[:20], split.test_labels[:20]),
        split.test[::-1][:9],
    )
    one.scores(other, Effort(1))
    accuracy = one.also(split, Effort(1))["accuracy"]
    assert set(found) == set(one.rows) and all(len(scores) == len(split.test) for scores in found.values())
    assert 0 <= accuracy <= 1 and len(trainings) == 1


def test_scores_that_need_a_linear_head_are_left_out_where_there_is_none():
    assert "vim" in scores_of("cross-entropy") and "vim" not in scores_of("godin")


def test_the_default_is_a_row_by_that_name():
    assert sum("default" in one.rows for one in contenders()) == 1


def test_a_split_without_classes_is_refused(split):
    with pytest.raises(SettingError, match="plain has no classes"):
        with_classes(Split("g", "plain", 0, split.train, split.test, split.is_anomaly))


def test_near_and_far_sets_are_usual_and_what_is_chosen_on_is_not(tmp_path):
    there = data_sets(tmp_path)
    assert [one.data for one in chosen(there, [])] == ["tin_nonoverlap", "textures", "fashion_mnist", "galaxies"]
    assert [one.data for one in chosen(there, ["far"])] == ["textures", "fashion_mnist", "galaxies"]
    assert len(chosen(there, ["dev"])) == 4 and len(chosen(there, ["rotations"])) == 10


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
