import numpy as np
import pytest

from poleward.benchmark.likeness import Classifier, Components, Nearness, frechet_distance


def clouds(shift=0.0, scale=1.0, n=4000):
    return shift + scale * np.random.default_rng(0).normal(size=(n, 3))


def test_the_frechet_distance_of_a_cloud_to_itself_is_zero():
    assert frechet_distance(clouds(), clouds()) == pytest.approx(0, abs=1e-9)


def test_a_shift_counts_with_its_square():
    assert frechet_distance(clouds(), clouds(shift=2.0)) == pytest.approx(3 * 4)


def test_a_wider_cloud_counts_with_the_difference_of_the_deviations():
    assert frechet_distance(clouds(), clouds(scale=3.0)) == pytest.approx(3 * (3 - 1) ** 2, rel=0.1)


def images(n=60, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (n, 4, 4, 1), dtype=np.uint8)


def test_copies_of_training_images_are_found():
    train, held_out = images(60), images(40, seed=1)
    nearness = Nearness.of(train[:10], train, held_out)
    assert nearness.ratio == 0 and nearness.copies == 1


def test_other_images_are_no_copies():
    nearness = Nearness.of(images(40, seed=2), images(60), images(40, seed=1))
    assert nearness.ratio == pytest.approx(1, abs=0.1) and nearness.copies < 0.2


def test_a_classifier_learns_classes_and_gives_features_of_its_last_layer():
    bright = images(1000)
    labels = (np.arange(1000) % 2).astype(np.int64)
    bright[labels == 1] = bright[labels == 1] // 4 + 190
    classifier = Classifier.trained(bright, labels, seed=0)
    assert classifier.accuracy > 0.9
    assert classifier.features(bright).shape == (1000, 32)


def test_features_of_a_classifier_lead_to_its_predictions():
    labels = (np.arange(60) % 3).astype(np.int64)
    classifier = Classifier.trained(images(), labels, seed=0)
    network = classifier.network
    logits = classifier.features(images()) @ network.coefs_[-1] + network.intercepts_[-1]
    rows = images().reshape(60, -1).astype(np.float32) / 255
    assert np.array_equal(logits.argmax(axis=1), network.predict(rows))


def test_components_serve_where_there_are_no_classes():
    assert Components.trained(images(), seed=0).features(images(5)).shape == (5, 16)
