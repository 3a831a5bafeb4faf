import numpy as np
import pyarrow as pa
import pytest

from poleward.detector.detector import Detector
from poleward.detector.gallery import Gallery


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 6, 5, 2)).astype(np.float32)
    X[3, :2, :2, 0] = np.nan
    detector = Detector(epochs=1, n_latent=3, scorer="reconstruction", random_state=0).fit(X)
    return detector.model_, X


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "a": rng.normal(size=90),
            "b": pa.array([None if i % 9 == 0 else float(i) for i in range(90)]),
            "c": rng.choice(["x", "y"], 90),
        }
    )
    detector = Detector(epochs=1, n_latent=3, scorer="input-knn", random_state=0).fit(table)
    return detector.model_, table


def filled(model, data, sizes, n_worst=7, n_typical=4):
    gallery, start = Gallery(model, n_worst, n_typical), 0
    for size in sizes:
        part = data.slice(start, size) if isinstance(data, pa.Table) else data[start : start + size]
        gallery.add(part, model.rank(part, [f"s{i}" for i in range(start, start + size)]))
        start += size
    return gallery


def test_the_worst_come_first_with_their_rank_among_all(pictures):
    model, X = pictures
    worst = filled(model, X, [60]).worst()
    order = np.argsort(-model.scores(X), kind="stable")
    assert [example.id for example in worst] == [f"s{row}" for row in order[:7]]
    assert [example.rank for example in worst] == [1, 2, 3, 4, 5, 6, 7]
    assert np.array_equal(worst[0].image, X[order[0]])


@pytest.mark.parametrize("sizes", [[1] * 60, [13, 40, 7], [2, 58]])
@pytest.mark.parametrize("kind", ["pictures", "cells"])
def test_in_how_many_parts_a_source_comes_does_not_matter(request, kind, sizes):
    model, data = request.getfixturevalue(kind)
    whole, parts = filled(model, data, [60]), filled(model, data, sizes)
    assert np.array_equal(whole.scores, parts.scores)
    assert [example.id for example in whole.worst()] == [example.id for example in parts.worst()]


def test_the_typical_score_as_calibration_samples_do(pictures):
    model, X = pictures
    typical = filled(model, X, [20, 40]).typical()
    usual = np.median(model.conformal.scores)
    nearest = np.argsort(np.abs(model.scores(X) - usual), kind="stable")[:4]
    assert [example.id for example in typical] == [f"s{row}" for row in nearest]


def test_an_example_says_what_its_ranking_says(pictures):
    model, X = pictures
    ranking = model.rank(X, [f"s{i}" for i in range(60)])
    for example in filled(model, X, [60]).worst():
        row = int(example.id[1:])
        assert (example.score, example.p_value) == (ranking.score[row], ranking.p_value[row])
        assert (example.is_anomaly, example.in_training) == (ranking.is_anomaly[row], ranking.in_training[row])
        assert example.label is None


def test_labels_are_words(pictures):
    model, X = pictures
    gallery = filled(model, X, [60])
    labels = np.arange(60) % 2 == 0
    assert all(e.label == ("anomaly" if labels[int(e.id[1:])] else "normal") for e in gallery.worst(labels))


def test_an_image_comes_with_its_reconstruction_and_residual(pictures):
    model, X = pictures
    for example in filled(model, X, [60], n_worst=60).worst():
        assert example.image.shape == example.reconstruction.shape == (6, 5, 2)
        assert example.residual.shape == (6, 5)
        assert np.isfinite(example.reconstruction).all()


def test_a_masked_pixel_has_no_residual(pictures):
    model, X = pictures
    hole = X[:1].copy()
    hole[:, 1:3, 2] = np.nan
    (example,) = filled(model, hole, [1], n_worst=1).worst()
    assert not example.residual[1:3, 2].any()
    assert example.residual[0].all()


def test_the_mean_square_of_a_residual_is_the_reconstruction_score(pictures):
    model, X = pictures
    whole = X[10:40]
    for example in filled(model, whole, [30]).worst():
        assert np.square(example.residual.astype(float)).mean() == pytest.approx(example.score, rel=1e-5)


def test_the_shares_of_a_row_add_up_to_one(cells):
    model, table = cells
    for example in filled(model, table, [90]).worst():
        shares = [cell.share for cell in example.cells]
        assert sum(shares) == pytest.approx(1)
        assert {cell.column for cell in example.cells} == {"a", "b", "c"}


def test_a_missing_cell_says_so_and_takes_no_share(cells):
    model, table = cells
    examples = filled(model, table, [90], n_worst=90).worst()
    missing = [cell for e in examples if int(e.id[1:]) % 9 == 0 for cell in e.cells if cell.column == "b"]
    assert len(missing) == 10
    assert all(cell.value == "(missing)" and cell.share == 0 for cell in missing)


def test_a_wild_cell_is_the_first_that_is_shown(cells):
    model, table = cells
    wild = table.slice(1, 1).set_column(0, "a", pa.array([1e4]))
    (example,) = filled(model, wild, [1], n_worst=1).worst()
    assert (example.cells[0].column, example.cells[0].value) == ("a", "10000")
    assert example.cells[0].share > 0.99


def test_nothing_met_is_nothing_shown(pictures):
    gallery = Gallery(pictures[0], 3, 3)
    assert (gallery.worst(), gallery.typical(), len(gallery.scores)) == ([], [], 0)


def test_the_contributions_of_a_row_sum_to_its_score_and_the_highest_comes_first(cells):
    model, table = cells
    for example in filled(model, table, [90]).worst():
        contributions = [cell.contribution for cell in example.cells]
        assert sum(contributions) == pytest.approx(example.score)
        assert contributions == sorted(contributions, reverse=True)


def test_the_contributions_of_an_image_sum_to_its_score(pictures):
    model, X = pictures
    for example in filled(model, X, [60]).worst():
        assert example.contributions.shape == (6, 5)
        assert example.contributions.sum() == pytest.approx(example.score)


def test_an_example_names_its_nearest_training_samples_and_the_angles_that_moved(cells):
    model, table = cells
    for example in filled(model, table, [90]).worst():
        assert len(example.nearest) == 3
        assert all(0 <= row < 90 for row, _ in example.nearest)
        assert {angle for angle, _, _ in example.moved} == {1, 2}
        assert abs(example.moved[0][2]) >= abs(example.moved[1][2])


@pytest.mark.parametrize("kind", ["pictures", "cells"])
def test_points_are_the_codes_of_all_samples_in_their_order(request, kind):
    model, data = request.getfixturevalue(kind)
    points = filled(model, data, [13, 47]).points()
    assert points.ids == [f"s{i}" for i in range(60)]
    some = data.slice(0, 60) if isinstance(data, pa.Table) else data
    assert np.allclose(points.codes, model.codes(some), atol=1e-5)
    assert np.array_equal(points.scores, filled(model, data, [60]).scores)
    assert points.cosines.shape == (60, 2)


def test_too_many_points_are_thinned_by_a_draw_that_batches_do_not_change(pictures):
    model, X = pictures
    few = []
    for sizes in ([60], [7, 33, 20]):
        gallery, start = Gallery(model, 1, 1, n_points=20), 0
        for size in sizes:
            part = X[start : start + size]
            gallery.add(part, model.rank(part, [f"s{i}" for i in range(start, start + size)]))
            start += size
        few.append(gallery.points())
    assert len(few[0].ids) == 20 and few[0].n_samples == 60
    assert few[0].ids == few[1].ids
    assert np.allclose(few[0].codes, model.codes(X[[int(name[1:]) for name in few[0].ids]]), atol=1e-5)


def test_points_know_decision_and_label(pictures):
    model, X = pictures
    labels = np.arange(60) < 30
    points = filled(model, X, [60]).points(labels)
    assert points.classes["label"] == ["anomaly"] * 30 + ["normal"] * 30
    assert set(points.classes) == {"decision", "label"}
