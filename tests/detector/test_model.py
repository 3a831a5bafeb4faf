import numpy as np
import pytest

from poleward.detector.detector import Detector
from poleward.errors import SchemaError, SettingError


def images(n=40):
    return np.random.default_rng(0).integers(0, 256, (n, 6, 6, 2)).astype(np.uint8)


def rows(n=150, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


@pytest.fixture(scope="module")
def of_images():
    return Detector(epochs=1, n_latent=3, random_state=0).fit(images()).model_


@pytest.fixture(scope="module")
def of_rows():
    return Detector(epochs=1, n_latent=3, random_state=0, scorer="input-knn").fit(rows())


@pytest.mark.parametrize("n", [1, 31, 33])
def test_decoding_codes_gives_one_image_each(of_images, n):
    codes = of_images.codes(images(n))
    decoded = of_images.decode(codes)
    assert codes.shape == (n, 3)
    assert decoded.shape == (n, 6, 6, 2)
    assert np.array_equal(of_images.decode(codes[:1]), decoded[:1])


@pytest.mark.parametrize("shape", [(3,), (2, 4), (2, 3, 1)])
def test_codes_of_another_shape_are_refused(of_images, shape):
    with pytest.raises(SchemaError, match=r"this model's have shape \(n, 3\)"):
        of_images.decode(np.zeros(shape))


def test_codes_are_decoded_on_their_sphere(of_images):
    codes = of_images.codes(images())
    assert np.array_equal(of_images.decode(codes), of_images.decode(100 * codes))


def test_reconstructions_are_in_prepared_units(of_images):
    features, expected = of_images.reconstructions(images(5))
    assert expected.shape == features.values.shape == (5, 2, 6, 6)
    decoded = of_images.preparation.decode(expected)
    assert np.array_equal(decoded, of_images.decode(of_images.codes(images(5))))


def test_samples_are_seeded(of_images):
    assert np.array_equal(of_images.sample(3, seed=1), of_images.sample(3, seed=1))
    assert not np.array_equal(of_images.sample(3, seed=1), of_images.sample(3, seed=2))


@pytest.mark.parametrize("alpha", [0.1, 0.3])
def test_another_level_changes_the_decision_and_nothing_else(of_rows, alpha):
    data = of_rows.raw(table(3 * rows(60, seed=1)))
    ids = list(map(str, range(60)))
    own, other = of_rows.model_.rank(data, ids), of_rows.model_.rank(data, ids, alpha)
    assert np.array_equal(own.score, other.score)
    assert np.array_equal(other.is_anomaly, other.p_value <= alpha)
    assert not np.array_equal(own.is_anomaly, other.is_anomaly)


def table(X):
    import pyarrow as pa

    return pa.table({f"x{i}": X[:, i] for i in range(X.shape[1])})


def test_nothing_to_rank_is_an_empty_ranking(of_rows):
    ranking = of_rows.model_.rank(table(rows(0)), [])
    assert len(ranking.score) == len(ranking.p_value) == len(ranking.is_anomaly) == 0


def test_a_level_that_calibration_cannot_show_is_said_with_what_it_takes(of_rows):
    (said,) = of_rows.model_.warnings()
    assert said.startswith("22 calibration samples cannot show a level of 0.01: the lowest p-value is 0.0435")
    assert said.endswith("99 would be needed")


def test_a_level_that_calibration_can_show_is_not_mentioned():
    detector = Detector(epochs=1, n_latent=3, random_state=0, alpha=0.05).fit(rows())
    assert detector.model_.warnings() == []


def test_dead_dimensions_are_counted(of_rows):
    from dataclasses import replace

    dead = replace(of_rows.model_, facts=of_rows.model_.facts | {"n_latent_dead": 2})
    assert dead.warnings()[0].startswith("2 of 3 latent dimensions are the same for every sample")


def test_at_a_false_discovery_rate_the_decision_is_that_of_benjamini_and_hochberg(of_rows):
    from scipy.stats import false_discovery_control

    data = of_rows.raw(table(np.concatenate([rows(40, seed=1), 30 + rows(20, seed=2)])))
    ids = list(map(str, range(60)))
    found = of_rows.model_.rank(data, ids, fdr=0.3)
    assert np.array_equal(found.is_anomaly, false_discovery_control(found.p_value) <= 0.3)
    assert found.is_anomaly[40:].all()
    assert np.array_equal(found.score, of_rows.model_.rank(data, ids).score)


def test_too_few_calibration_samples_for_any_discovery_are_warned_of(of_rows):
    data = of_rows.raw(table(rows(60, seed=1)))
    with pytest.warns(UserWarning, match="22 calibration samples are few for a false discovery rate of 0.001 among 60"):
        found = of_rows.model_.rank(data, list(map(str, range(60))), fdr=0.001)
    assert not found.is_anomaly.any()


def test_a_level_and_a_false_discovery_rate_together_are_refused(of_rows):
    with pytest.raises(SettingError, match="alpha and fdr were both said"):
        of_rows.rank(rows(5), alpha=0.1, fdr=0.1)


def test_the_level_of_a_threshold_that_alpha_did_not_set_is_what_calibration_says():
    detector = Detector(epochs=1, n_latent=3, random_state=0, scorer="input-knn", contamination=0.2).fit(rows())
    model = detector.model_
    above = (model.conformal.scores > model.threshold).sum()
    assert model.level == (above + 1) / (len(model.conformal.scores) + 1)


def test_what_contamination_did_is_said():
    X = np.concatenate([rows(1350), 40 * rows(150, seed=1)])
    detector = Detector(epochs=1, n_latent=3, random_state=0, scorer="input-isolation-forest", contamination="auto")
    model = detector.fit(X).model_
    assert model.warnings() == [
        f"about {model.facts['contamination']:.1%} of the training data are taken to be anomalies",
        f"{model.facts['n_left_out']} calibration samples score too high to be normal; p-values are without them",
    ]
    assert model.facts["n_left_out"] > 0
