import itertools
import warnings
from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poleward.detector.detector import Detector
from poleward.detector.fitting import Run
from poleward.errors import SchemaError, SettingError, SourceError, TrainingCollapsed
from poleward.scoring.catalogue import IMAGE_VIEWS, SCORERS

NAMES = ["a", "b", "c"]


def quick(**settings):
    return Detector(**{"epochs": 1, "n_latent": 3, "random_state": 0} | settings)


def rows(n=120, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


def images(n=40, height=8, width=6, bands=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, bands)).astype(np.uint8)


def mixed(n=150):
    rng = np.random.default_rng(3)
    days = [date(2024, 1, 1) + timedelta(days=int(day)) for day in rng.integers(0, 60, n)]
    sizes = rng.normal(10, 2, n)
    return pd.DataFrame(
        {
            "size": np.where(rng.random(n) < 0.1, np.nan, sizes),
            "count": rng.integers(0, 9, n),
            "colour": pd.array(rng.choice(["red", "green", "blue"], n), dtype="str"),
            "seen": pd.to_datetime(days),
            "open": rng.random(n) < 0.5,
        }
    )


FORMS = {
    "numpy": lambda X: X,
    "float32": lambda X: X.astype(np.float32).astype(np.float64),
    "lists": lambda X: X.tolist(),
    "torch": torch.tensor,
    "fortran": np.asfortranarray,
    "objects": lambda X: X.astype(object),
}
FRAMES = {
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
    "arrow": lambda X: pa.table(dict(zip(NAMES, X.T, strict=True))),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_arrays_of_any_make_give_the_same_scores(form):
    X = rows().astype(np.float32).astype(np.float64)
    detector = quick().fit(form(X))
    assert np.array_equal(detector.score_samples(form(X)), quick().fit(X).score_samples(X))


@pytest.mark.parametrize(("trained", "scored"), list(itertools.product(FRAMES, FRAMES)))
def test_data_frames_of_any_make_give_the_same_scores(trained, scored):
    X = rows()
    detector = quick().fit(FRAMES[trained](X))
    assert np.array_equal(detector.score_samples(FRAMES[scored](X)), quick().fit(X).score_samples(X))


@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_columns_with_and_without_names_match_by_order(frame):
    X = rows()
    expected = quick().fit(X).score_samples(X)
    assert np.array_equal(quick().fit(X).score_samples(frame(X)), expected)
    assert np.array_equal(quick().fit(frame(X)).score_samples(X), expected)


def test_a_data_frame_with_numbered_columns_and_its_array_are_the_same():
    X = rows()
    detector = quick().fit(pd.DataFrame(X))
    assert np.array_equal(detector.score_samples(X), detector.score_samples(pd.DataFrame(X)))


def test_a_data_frame_keeps_its_names_through_a_folder(tmp_path):
    frame = FRAMES["pandas"](rows())
    quick().fit(frame).save(tmp_path / "model")
    detector = Detector.load(tmp_path / "model")
    assert detector.feature_names_in_.tolist() == NAMES
    with pytest.raises(ValueError, match="feature names"):
        detector.score_samples(frame.rename(columns={"a": "z"}))


def test_a_mixed_table_gives_the_same_scores_from_pandas_polars_and_arrow():
    frame = mixed()
    detector = quick().fit(frame)
    expected = detector.score_samples(frame)
    assert np.isfinite(expected).all()
    assert np.array_equal(detector.score_samples(pa.Table.from_pandas(frame)), expected)
    assert np.array_equal(detector.score_samples(pl.from_pandas(frame)), expected)


def test_a_category_never_seen_stands_out():
    frame = mixed()
    detector = quick(scorer="input-knn").fit(frame)
    strange = frame.assign(colour=pd.array(["ultraviolet"] * len(frame), dtype="str"))
    assert detector.score_samples(strange).mean() < detector.score_samples(frame).mean()


def test_new_rows_have_the_columns_and_types_of_a_mixed_table():
    frame = mixed()
    made = quick().fit(frame).sample(5, random_state=0)
    assert made.num_rows == 5
    assert made.schema.types == pa.Table.from_pandas(frame, preserve_index=False).schema.types
    assert set(made["colour"].to_pylist()) <= {"red", "green", "blue", None}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32, np.float64, bool])
def test_images_of_any_depth_come_back_in_it(kind):
    X = (images() > 99) if kind is bool else images().astype(kind)
    detector = quick().fit(X)
    assert detector.sample(2, random_state=0).dtype == kind
    assert detector.inverse_transform(detector.transform(X[:3])).shape == X[:3].shape


def test_bands_first_and_bands_last_give_the_same_scores():
    X = images()
    first = np.moveaxis(X, -1, 1)
    expected = quick().fit(X).score_samples(X)
    detector = quick().fit(first)
    assert np.array_equal(detector.score_samples(first), expected)
    assert np.array_equal(detector.score_samples(X), expected)
    assert detector.sample(2).shape == (2, 3, 8, 6)


def test_images_without_a_band_axis_are_images_of_one_band():
    X = images(bands=1)
    flat = quick().fit(X[..., 0])
    assert np.array_equal(flat.score_samples(X[..., 0]), quick().fit(X).score_samples(X))
    assert flat.sample(2).shape == (2, 8, 6)


def test_torch_images_give_the_scores_of_numpy_ones():
    X = images()
    detector = quick().fit(torch.tensor(X))
    assert np.array_equal(detector.score_samples(torch.tensor(X)), detector.score_samples(X))


def test_what_a_masked_pixel_would_have_held_does_not_matter():
    X = images().astype(np.float32)
    hole = np.random.default_rng(1).random(X.shape) < 0.2
    told = quick(scorer="reconstruction", nodata=-9.0).fit(np.where(hole, np.float32(-9), X))
    nan = quick(scorer="reconstruction").fit(np.where(hole, np.nan, X))
    assert np.array_equal(
        told.score_samples(np.where(hole, np.float32(-9), X)), nan.score_samples(np.where(hole, np.nan, X))
    )


SUITED = [(images, name) for name in SCORERS] + [(rows, name) for name in SCORERS if name not in IMAGE_VIEWS]


def test_a_scorer_of_images_is_refused_for_a_table_before_anything_is_trained():
    steps = []
    with pytest.raises(SettingError, match="'input-patches' is for images"):
        quick(scorer="input-patches").fit_under(rows(), Run(on_step=lambda done, total: steps.append(done)))
    assert not steps


@pytest.mark.parametrize(("make", "scorer"), SUITED)
def test_a_score_depends_on_nothing_but_its_sample(make, scorer):
    X = make().astype(np.float64)
    X[::7, 1] = np.nan
    detector = quick(scorer=scorer).fit(X[:-20])
    whole = detector.score_samples(X)
    order = np.random.default_rng(0).permutation(len(X))
    assert np.isfinite(whole).all()
    assert np.array_equal(detector.score_samples(X[order]), whole[order])
    assert np.array_equal(detector.score_samples(X[3:-3]), whole[3:-3])
    assert [detector.score_samples(X[i : i + 1])[0] for i in range(0, len(X), 6)] == whole[::6].tolist()


@given(st.lists(st.integers(0, 999), min_size=1, max_size=40))
def test_any_batch_of_rows_scores_as_its_rows_do(detector_of_ties, picked):
    detector, X, whole = detector_of_ties
    assert np.array_equal(detector.score_samples(X[picked]), whole[picked])


@pytest.fixture(scope="module")
def detector_of_ties():
    rng = np.random.default_rng(5)
    X = rng.integers(0, 3, (1000, 5)) * 10.0 ** rng.integers(0, 7, (1000, 1))
    detector = quick(scorer="input-knn").fit(X[:700])
    return detector, X, detector.score_samples(X)


@pytest.mark.parametrize("scorer", ["knn", "input-knn"])
def test_a_row_that_was_trained_on_is_not_its_own_neighbour(scorer):
    X = rows()
    detector = quick(scorer=scorer, n_neighbors=1).fit(X)
    assert detector.score_samples(X).max() < 0
    beside = detector.score_samples(X + 1e-9)
    assert (beside > -1e-6).sum() == detector.model_.facts["n_trained"]


def test_a_trained_row_scores_as_if_it_alone_had_been_left_out():
    X = rows()
    detector = quick(scorer="input-knn", n_neighbors=1).fit(np.concatenate([X, X]))
    twice = detector.score_samples(X) == 0
    assert twice.sum() > 60  # both copies were trained on: each is the other's neighbour
    assert not twice.all()  # of some, one copy was kept aside for calibration


def test_training_rows_are_known_again_by_their_content():
    X = rows()
    detector = quick().fit(X)
    ranking = detector.rank(np.concatenate([X[::-1], rows(30, seed=1)]))
    assert ranking.in_training.tolist() == [True] * 120 + [False] * 30
    assert list(ranking.id) == [str(row) for row in range(150)]


def test_a_ranking_agrees_with_scores_p_values_and_predictions():
    X = rows(60, seed=1)
    detector = quick().fit(rows())
    ranking = detector.rank(X, ids=[f"r{i}" for i in range(60)])
    assert np.array_equal(ranking.score, -detector.score_samples(X))
    assert np.array_equal(ranking.p_value, detector.p_values(X))
    assert np.array_equal(ranking.is_anomaly, detector.predict(X) == -1)
    assert ranking.id[3] == "r3"


@pytest.mark.parametrize("level", [0.05, 0.1, 0.5])
def test_p_values_of_new_normal_rows_are_uniform(level):
    at_most = []
    for seed in range(20):
        detector = quick(scorer="input-knn", calibration_share=0.5, random_state=seed).fit(rows(200, seed))
        at_most.append((detector.p_values(rows(300, 1000 + seed)) <= level).mean())
    spread = np.sqrt(level * (1 - level) / 101 / 20)  # of the mean over 20 draws of 100 calibration rows
    assert abs(np.mean(at_most) - level) < 4 * spread + 0.01


def test_alpha_is_the_level_of_a_prediction():
    X = rows(800)
    for alpha in (0.01, 0.05, 0.2):
        detector = quick(scorer="input-knn", alpha=alpha).fit(X)
        new = rows(400, seed=1)
        assert np.array_equal(detector.predict(new) == -1, detector.p_values(new) <= alpha)


def test_the_default_alpha_is_one_in_a_hundred():
    assert Detector().alpha == 0.01


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (rows(3), "minimum of 4"),
        (images(3), "3 sample"),
        (np.full((30, 3), 7.0), "nothing varies"),
        (np.full((30, 4, 4), 7), "same value"),
        (np.where(np.arange(30)[:, None, None] == 28, np.inf, np.eye(4)), "image 29 of 30 holds an infinite pixel"),
        (np.where(rows() > 2, np.inf, rows()), "infinity"),
        (np.where(rows() > 2, 1e200, rows()), "beyond 1e\\+150"),
        (np.zeros((9, 2, 2, 2, 2)), "dim 5"),
        (pa.table({"a": [1.0, 2.0] * 5, "b": [0.0] * 8 + [float("inf"), 0.0]}), "column 'b', row 9: inf"),
        (pa.table({"a": [1.0, 2.0, 3.0]}), "3 sample"),
    ],
)
def test_data_that_cannot_be_learned_from_say_why(X, said):
    with pytest.raises(ValueError, match=said):
        quick().fit(X)


def test_a_constant_column_is_kept_and_a_change_in_it_stands_out():
    X = np.concatenate([rows(), np.full((120, 1), 5.0)], axis=1)
    detector = quick(scorer="input-knn").fit(X)
    changed = X + np.array([0, 0, 0, 9.0])
    assert (detector.score_samples(changed) < detector.score_samples(X)).all()


def test_fewer_rows_than_a_batch_make_one_batch():
    assert quick(batch_size=1000).fit(rows(5)).score_samples(rows(5)).shape == (5,)


@pytest.mark.parametrize(
    ("trained", "given", "said"),
    [
        (rows(), images(), "trained on a table and cannot rank images"),
        (images(), rows(), "trained on images and cannot rank a table"),
        (images(), FRAMES["pandas"](rows()), "trained on images and cannot rank a table"),
        (images(), images(height=9), "9 x 6 pixels and 3 bands; the model was trained on 8 x 6 pixels and 3 bands"),
        (images(), images(bands=1), "8 x 6 pixels and 1 band;"),
    ],
)
def test_data_of_another_kind_or_size_are_refused(trained, given, said):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SchemaError, match=said):
            quick().fit(trained).score_samples(given)


def test_samples_of_a_source_may_have_further_columns():
    frame = FRAMES["arrow"](rows())
    detector = quick().fit(frame)
    wider = frame.append_column("label", pa.array(["x"] * 120)).select(["label", "c", "b", "a"])
    assert np.array_equal(detector.model_.scores(detector.raw(wider)), -detector.score_samples(frame))


def test_samples_of_a_source_that_lack_columns_are_refused_by_name():
    detector = quick().fit(FRAMES["arrow"](rows()))
    with pytest.raises(SchemaError, match="2 of the model's 3 columns are missing: 'a', 'c'"):
        detector.model_.scores(detector.raw(FRAMES["arrow"](rows()).select(["b"])))


def test_samples_of_a_source_are_told_apart_by_order_where_training_had_no_names():
    detector = quick().fit(rows())
    assert np.array_equal(
        detector.model_.scores(detector.raw(FRAMES["arrow"](rows()))), -detector.score_samples(rows())
    )
    with pytest.raises(SchemaError, match="has 2 columns; the model was trained on 3"):
        detector.raw(FRAMES["arrow"](rows()).select(["a", "b"]))


def test_images_of_a_source_have_their_bands_last_however_many_they_are():
    many = images(height=4, width=5, bands=9)
    detector = quick().fit_under(many, Run(), axes="nhwb")
    assert detector.model_.preparation.shape == (9, 4, 5)
    assert detector.raw(many) is many


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"objective": "nonsense"}, "objective = 'nonsense': choose one of .*vmf"),
        ({"scorer": "lof"}, "scorer = 'lof'.*knn"),
        ({"n_latent": 1}, "n_latent = 1: accepted is a whole number of at least 2"),
        ({"epochs": 0}, "epochs = 0"),
        ({"contamination": 0.6}, 'contamination = 0.6: accepted is None, "auto" or a share from 0 to 0.5'),
        ({"alpha": 1.0}, "alpha = 1.0"),
        ({"random_state": -1}, "random_state = -1"),
        ({"device": "abacus"}, "device 'abacus' is not available here .*; use 'cpu' or 'auto'"),
        ({"types": {"nowhere": "numeric"}}, "types names 'nowhere'; the columns are 'x0', 'x1', 'x2'"),
        ({"types": {"x0": "colour"}}, "column 'x0' is asked to be 'colour'"),
        ({"parametrisation": "published"}, "is for images; use parametrisation 'dimension-free'"),
        ({"stretch": "log"}, "stretch = 'log'"),
    ],
)
def test_a_setting_that_is_not_accepted_is_named_when_fitting(settings, said):
    with pytest.raises(SettingError, match=said):
        quick(**settings).fit(rows())


def test_a_table_of_text_is_a_data_frame_not_an_array():
    with pytest.raises(ValueError, match="could not convert"):
        quick().fit(np.array([["a", "b"]] * 10))


def test_every_sample_the_same_but_for_two_kinds_cannot_be_ranked():
    with pytest.raises(TrainingCollapsed, match="all 60 training scores are 0"):
        quick(scorer="input-knn").fit(np.array([[0.0, 1.0], [1.0, 0.0]] * 30))


def test_a_column_without_any_value_is_left_out():
    X = np.concatenate([rows(), np.full((120, 1), np.nan)], axis=1)
    detector = quick().fit(X)
    assert [column.name for column in detector.model_.preparation.left_out] == ["x3"]
    assert np.array_equal(detector.score_samples(X), quick().fit(rows()).score_samples(rows()))


def test_images_without_one_image_are_refused():
    with pytest.raises(SourceError, match="0 sample"):
        quick().fit(np.zeros((0, 5, 5)))


def test_the_same_draw_comes_from_the_same_random_state():
    detector = quick().fit(rows())
    assert np.array_equal(detector.sample(4, random_state=1), detector.sample(4, random_state=1))
    assert not np.array_equal(detector.sample(4, random_state=1), detector.sample(4, random_state=2))
    assert detector.sample(4).shape == (4, 3)


def test_new_rows_lie_where_the_training_rows_lay():
    X = rows(600) * [1, 10, 100] + [5, 0, -5]
    made = quick(epochs=20, n_latent=4).fit(X).sample(500, random_state=0)
    assert np.abs((made.mean(axis=0) - X.mean(axis=0)) / X.std(axis=0)).max() < 0.5


def test_a_fit_that_fails_leaves_what_was_learned_before_whole():
    detector = quick().fit(rows())
    before = detector.score_samples(rows())
    for X in (np.full((30, 4, 4), 7), pa.table({"a": [1.0] * 9}), images(3)):
        with pytest.raises(ValueError, match=r"same value|3 sample|nothing varies"):
            detector.fit(X)
        assert np.array_equal(detector.score_samples(rows()), before)
        assert detector.sample(2, random_state=0).shape == (2, 3)


def test_a_first_fit_that_fails_leaves_nothing():
    detector = quick()
    with pytest.raises(ValueError, match="same value"):
        detector.fit(np.full((30, 4, 4), 7))
    assert vars(detector) == vars(quick())


@pytest.mark.usefixtures("as_installed")
def test_a_level_may_be_a_fraction():
    from fractions import Fraction

    assert quick(alpha=Fraction(10, 1000)).settings().alpha == 0.01
