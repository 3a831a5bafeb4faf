import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from poleward.benchmark.classical import CLASSICAL, ecod
from poleward.benchmark.contenders import Effort
from poleward.benchmark.splits import Split
from poleward.metrics.ranking import auroc

ROWS = {one.name: one for one in CLASSICAL}


def table(n_train=200):
    rng = np.random.default_rng(0)
    test = np.concatenate([rng.normal(size=(50, 5)), rng.normal(0, 6, size=(20, 5))])
    return Split("g", "d", 0, rng.normal(size=(n_train, 5)), test, np.arange(70) >= 50)


def images(bands=3):
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 100, (n, 4, 4, bands), dtype=np.uint8) for n in (40, 30))
    test[20:] += 150
    return Split("g", "d", 0, train, test, np.arange(30) >= 20)


@pytest.mark.parametrize("name", [one.name for one in CLASSICAL if "table" in one.kinds])
def test_every_row_ranks_far_points_above_near_ones(name):
    split = table()
    assert auroc(split.is_anomaly, ROWS[name].scores(split, Effort())[name]) > 0.9


@pytest.mark.parametrize("name", ROWS)
def test_every_row_ranks_bright_images_above_dark_ones(name):
    split = images()
    assert auroc(split.is_anomaly, np.asarray(ROWS[name].scores(split, Effort())[name], float)) > 0.9


@pytest.mark.parametrize("name", ["raw-3nn", "raw-5nn", "pca-3nn", "lof", "ocsvm"])
def test_units_of_a_tables_columns_do_not_count(name):
    split, units = table(), np.array([1, 1000, 1e-3, 7, 1])
    other = Split("g", "d", 0, split.train * units, split.test * units, split.is_anomaly)
    assert np.allclose(ROWS[name].scores(split, Effort())[name], ROWS[name].scores(other, Effort())[name])


@pytest.mark.parametrize("name", [name for name in ROWS if name != "rx"])
def test_scores_of_a_sample_do_not_depend_on_the_others(name):
    split = table()
    few = Split("g", "d", 0, split.train, split.test[:3], split.is_anomaly[:3])
    assert np.allclose(ROWS[name].scores(split, Effort())[name][:3], ROWS[name].scores(few, Effort())[name])


def test_neighbours_are_averaged():
    train, test = np.array([[0.0], [2.0], [4.0], [10.0]]), np.array([[1.0]])
    split = Split("g", "d", 0, train, test, np.array([True]))
    deviation = train.std()
    assert np.allclose(ROWS["raw-3nn"].scores(split, Effort())["raw-3nn"] * deviation, (1 + 1 + 3) / 3)


def test_ecod_takes_the_longer_tail_of_a_skewed_column():
    train = np.array([[0.0], [0.0], [0.0], [9.0]])  # skewed to the right
    far, near = ecod(train, np.array([[9.0], [0.0]]))
    assert far == pytest.approx(-np.log(2 / 5)) and near < far


def test_ecod_bears_a_constant_column():
    assert np.isfinite(ecod(np.ones((4, 1)), np.array([[1.0], [2.0]]))).all()


def test_rx_is_the_mean_mahalanobis_distance_of_pixels():
    split = images()
    spectra = split.train.reshape(-1, 3).astype(float)
    precision = np.linalg.inv(np.cov(spectra, rowvar=False))
    expected = np.mean([mahalanobis(pixel, spectra.mean(axis=0), precision) for pixel in split.test[0].reshape(-1, 3)])
    assert ROWS["rx"].scores(split, Effort())["rx"][0] == pytest.approx(expected, rel=1e-4)


def test_rx_bears_one_band_and_bands_that_are_the_same():
    grey = images(bands=1)
    doubled = Split("g", "d", 0, np.repeat(grey.train, 2, axis=-1), np.repeat(grey.test, 2, axis=-1), grey.is_anomaly)
    for split in (grey, doubled):
        assert np.isfinite(ROWS["rx"].scores(split, Effort())["rx"]).all()


def test_the_support_vector_row_learns_from_a_seeded_draw(monkeypatch):
    split = table()
    whole = ROWS["ocsvm"].scores(split, Effort())["ocsvm"]
    monkeypatch.setattr("poleward.benchmark.classical.MOST_FOR_SUPPORT", 20)
    first, second = (ROWS["ocsvm"].scores(split, Effort())["ocsvm"] for _ in range(2))
    assert np.array_equal(first, second) and not np.allclose(first, whole)
