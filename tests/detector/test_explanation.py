import numpy as np
import pyarrow as pa
import pytest
import torch

from poleward.detector.detector import Detector
from poleward.detector.fitting import Run
from poleward.detector.shares import split
from poleward.errors import SchemaError
from poleward.scoring.catalogue import IMAGE_VIEWS, SCORERS

CASES = [("images", name) for name in SCORERS] + [("table", name) for name in SCORERS if name not in IMAGE_VIEWS]
WITH_LATENT = ["knn", "knn-sphere", "mixture", "isolation-forest", "norm", "fused"]


def images(n=70, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:8, :8]
    centres = rng.uniform(2, 5, (n, 2, 1, 1))
    blobs = np.exp(-((rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2) / 4)
    return (blobs[..., None] * [1.0, 0.5] + 0.02 * rng.normal(size=(n, 8, 8, 2))).astype(np.float32)


def table(n=150, seed=0):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    weights = {"a": 1, "b": -1, "c": 2, "d": 0.5}
    numbers = {name: common * weight + 0.3 * rng.normal(size=n) for name, weight in weights.items()}
    missing = np.arange(n) % 8 == 0
    gaps = pa.array(rng.normal(size=n), mask=missing)
    return pa.table(numbers | {"colour": np.where(common > 0, "red", "blue"), "gaps": gaps})


@pytest.fixture(scope="module")
def fitted():
    kept = {}

    def detector(kind, scorer):
        if (kind, scorer) not in kept:
            data = images() if kind == "images" else table()
            new = Detector(scorer=scorer, epochs=3, n_latent=4, random_state=0)
            kept[kind, scorer] = new.fit_under(data, Run(), axes="nhwb" if kind == "images" else None)
        return kept[kind, scorer]

    return detector


@pytest.mark.parametrize(("kind", "scorer"), CASES)
def test_contributions_sum_to_the_score(fitted, kind, scorer):
    detector = fitted(kind, scorer)
    new = images(5, 1) if kind == "images" else table(20, 1)
    if kind == "images":
        new[2, 3:5, 3:5] = np.nan
    found = detector.explain(new)
    parts = found.contributions.reshape(len(new), -1)
    assert np.array_equal(found.score, -detector.score_samples(new))
    assert (np.abs(parts.sum(axis=1) - found.score) <= 1e-9 * np.abs(parts).sum(axis=1)).all()


@pytest.mark.parametrize(("kind", "scorer"), CASES)
def test_what_was_not_observed_contributes_nothing(fitted, kind, scorer):
    detector = fitted(kind, scorer)
    if kind == "images":
        new = images(3, 1)
        new[1, 3:5, 2:7, 0] = np.nan
        assert not detector.explain(new).contributions[1, 3:5, 2:7, 0].any()
    else:
        found = detector.explain(table(20, 1))
        assert not found.contributions[::8, found.columns.index("gaps")].any()
        assert found.contributions[1::8, found.columns.index("gaps")].any()


def test_the_columns_of_a_table_have_their_names(fitted):
    found = fitted("table", "fused").explain(table(4, 1))
    assert found.columns == ("a", "b", "c", "d", "colour", "gaps")
    assert found.contributions.shape == (4, 6)


@pytest.mark.parametrize("axes", ["nhwb", "nbhw"])
def test_contributions_lie_as_the_images_do(fitted, axes):
    new = images(3, 1)
    new = new if axes == "nhwb" else np.moveaxis(new, -1, 1)
    assert fitted("images", "reconstruction").explain(torch.from_numpy(new.copy())).contributions.shape == new.shape


@pytest.mark.parametrize("scorer", ["fused", "reconstruction", "input-knn", "input-mixture", *WITH_LATENT])
def test_a_changed_column_contributes_most(fitted, scorer):
    new = table(40, 1)
    changed = np.arange(40) % 3
    for column in range(3):
        values = new["abc"[column]].to_numpy() + np.where(changed == column, 8.0, 0.0)
        new = new.set_column(column, "abc"[column], pa.array(values))
    parts = fitted("table", scorer).explain(new).contributions
    assert np.mean(parts.argmax(axis=1) == changed) > 0.5  # by chance 0.17


@pytest.mark.parametrize("scorer", ["fused", "reconstruction", "input-knn", "input-patches", *WITH_LATENT])
def test_a_pasted_patch_contributes_more_than_its_share(fitted, scorer):
    new = images(12, 1)
    new[:, :3, 5:] = 1.0
    parts = fitted("images", scorer).explain(new).contributions
    highest = np.sort(parts.reshape(12, -1), axis=1)[:, -18]
    inside = (parts >= highest[:, None, None, None])[:, :3, 5:].sum(axis=(1, 2, 3)) / 18
    assert inside.mean() > 0.3  # the patch is 14 % of the image


def test_the_nearest_are_rows_of_the_data_given_to_fit(fitted):
    detector = fitted("table", "input-knn")
    trained, aside = split(150, 0.15, 0)
    few = table().take(pa.array(trained[[5, 40]]))
    changed = few.set_column(0, "a", pa.array(few["a"].to_numpy() + 1e-4))
    found = detector.explain(changed)
    assert found.nearest[:, 0].tolist() == trained[[5, 40]].tolist()
    assert found.nearest.shape == found.distances.shape == (2, 3)
    assert not np.isin(detector.explain(table(20, 1)).nearest, aside).any()


def test_a_training_sample_is_not_its_own_neighbour(fitted):
    trained = split(150, 0.15, 0)[0]
    row = table().take(pa.array(trained[[5]]))
    assert trained[5] not in fitted("table", "input-knn").explain(row).nearest


def test_a_scorer_without_neighbours_has_none(fitted):
    found = fitted("table", "mixture").explain(table(4, 1))
    assert found.nearest.shape == found.distances.shape == (4, 0)


def test_angles_are_measured_against_the_codes_of_training(fitted):
    detector = fitted("table", "knn")
    usual = detector.explain(table())
    assert usual.cosines.shape == (150, 3) and (np.abs(usual.cosines) <= 1).all()
    assert np.abs(usual.moved.mean(axis=0)).max() < 0.5
    assert 0.5 < usual.moved.std() < 1.5


def test_an_explanation_does_not_depend_on_what_stands_beside_it(fitted):
    detector, new = fitted("images", "fused"), images(5, 1)
    alone = detector.explain(new[2:3])
    assert np.array_equal(detector.explain(new).contributions[2:3], alone.contributions)


def test_samples_of_another_kind_are_refused(fitted):
    with pytest.raises(SchemaError, match="trained on images"):
        fitted("images", "knn").explain(table(4))
