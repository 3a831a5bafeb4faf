import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from poleward.correction.constraints import Constraints
from poleward.data.galaxies import generate_galaxies
from poleward.detector.correcting import narrowed, widened
from poleward.detector.detector import Detector
from poleward.errors import SchemaError, SettingError, SourceError


def galaxies(n, seed=0):
    return generate_galaxies(n, size=16, seed=seed).images


def with_column(images):
    dirty = images.copy()
    dirty[:, :, 5] = 255
    return dirty


@pytest.fixture(scope="module")
def of_images():
    return Detector(epochs=15, n_latent=8, random_state=0, scorer="input-knn", correction=True).fit(galaxies(200))


def frame(n=150, seed=0):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    return pd.DataFrame(
        {
            "a": a,
            "b": 3 * a + rng.normal(size=n) / 20,
            "k": np.where(a > 0, "high", "low"),
            "whole": np.rint(5 * a).astype(int),
        },
        index=np.arange(n) + 7,
    )


def dirty_frame():
    dirty = frame()
    dirty.iloc[3, 1] = 70.0
    dirty.iloc[5, 2] = "higj"
    return dirty


@pytest.fixture(scope="module")
def of_rows():
    return Detector(epochs=1, n_latent=3, random_state=0, scorer="input-knn", correction=True).fit(frame())


def test_a_dead_column_is_repaired_and_everything_else_is_bit_by_bit_the_same(of_images):
    clean = galaxies(12, seed=1)
    dirty = with_column(clean)
    found = of_images.correct(dirty)
    assert found.data.dtype == np.uint8
    assert found.mask.shape == found.probability.shape == dirty.shape
    assert found.mask[:, :, 5].mean() > 0.8
    assert np.array_equal(found.data[~found.mask], dirty[~found.mask])
    before, after = (np.square(X[:, :, 5].astype(float) - clean[:, :, 5]).mean() for X in (dirty, found.data))
    assert after < 0.2 * before
    assert (found.score_after < found.score_before).mean() > 0.8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_images_keep_their_type_and_axes(of_images, dtype):
    dirty = with_column(galaxies(3, seed=1)).astype(dtype)
    whole = of_images.correct(dirty)
    assert whole.mask.any()
    assert whole.data.dtype == dtype
    of_tensor = of_images.correct(torch.from_numpy(dirty.astype(np.float32)))
    assert isinstance(of_tensor.data, np.ndarray)
    assert of_tensor.data.shape == dirty.shape


def test_an_image_is_corrected_alike_in_any_batch(of_images):
    dirty = with_column(galaxies(5, seed=1))
    dirty[3] = galaxies(1, seed=2)
    whole = of_images.correct(dirty)
    for row in range(5):
        one = of_images.correct(dirty[row : row + 1])
        assert np.array_equal(one.data[0], whole.data[row])
        assert np.array_equal(one.probability[0], whole.probability[row])
        assert one.score_after[0] == whole.score_after[row]


def test_pixels_without_a_measurement_stay_so(of_images):
    dirty = with_column(galaxies(3, seed=1)).astype(float)
    dirty[:, 2:4] = np.nan
    found = of_images.correct(dirty)
    assert found.mask.any()
    assert np.array_equal(np.isnan(found.data), np.isnan(dirty))
    assert not found.mask[:, 2:4].any()


def test_known_pixels_and_bands_are_respected(of_images):
    dirty = with_column(galaxies(3, seed=1))
    trusted, wrong = np.zeros(dirty.shape, bool), np.zeros(dirty.shape, bool)
    trusted[0] = True
    wrong[1, 12, 12] = True
    found = of_images.correct(dirty, Constraints(trusted=trusted, wrong=wrong, protected=("band 2",), max_changes=9))
    assert not found.mask[0].any()
    assert not found.mask[..., 1].any()
    assert found.mask.sum() == 9
    with pytest.raises(SettingError, match="there is no column 'red'"):
        of_images.correct(dirty, Constraints(changeable=("red",)))


def test_a_table_s_wrong_cells_are_repaired_and_told(of_rows):
    dirty = dirty_frame()
    found = of_rows.correct(dirty)
    told = {(change.row, change.column): change for change in found.changes}
    assert told[5, "k"].old == "higj"
    assert found.data.iloc[5, 2] == told[5, "k"].new == frame().iloc[5, 2]
    assert abs(found.data.iloc[3, 1] - frame().iloc[3, 1]) < 2
    assert told[3, "b"].score_after < told[3, "b"].score_before
    assert sorted(told) == [(row, dirty.columns[column]) for row, column in np.argwhere(found.mask).tolist()]


FORMS = {
    "pandas": lambda frame: frame,
    "polars": lambda frame: pl.DataFrame({name: frame[name].to_numpy() for name in ("a", "b", "whole")}),
    "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "array": lambda frame: frame[["a", "b", "whole"]].to_numpy(),
    "float32": lambda frame: frame[["a", "b", "whole"]].to_numpy(np.float32),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_corrected_table_has_the_form_of_the_one_given(form):
    clean, dirty = FORMS[form](frame()), FORMS[form](dirty_frame())
    found = (
        Detector(epochs=1, n_latent=3, random_state=0, scorer="input-knn", correction=True).fit(clean).correct(dirty)
    )
    assert found.mask[3, 1]
    assert type(found.data) is type(dirty)
    after, before = (
        np.asarray(pd.DataFrame(np.asarray(X)) if form != "pandas" else X, object) for X in (found.data, dirty)
    )
    assert (after == before)[~found.mask].all()
    assert not (after == before)[found.mask].any()
    kinds = {"pandas": "dtypes", "polars": "schema", "arrow": "schema", "array": "dtype", "float32": "dtype"}[form]
    same = getattr(found.data, kinds) == getattr(dirty, kinds)
    assert same.all() if form == "pandas" else same
    if form == "pandas":
        assert found.data.index.equals(dirty.index)


@pytest.mark.parametrize("make", [with_column, lambda images: galaxies(4)], ids=["new", "trained on"])
def test_a_loaded_model_corrects_as_the_saved_one(of_images, tmp_path, make):
    of_images.save(tmp_path / "model")
    dirty = make(galaxies(4, seed=1))
    one, other = of_images.correct(dirty), Detector.load(tmp_path / "model").correct(dirty)
    for name, array in vars(one).items():
        assert np.array_equal(array, getattr(other, name)), name


def test_a_loaded_model_corrects_a_table_as_the_saved_one(of_rows, tmp_path):
    of_rows.save(tmp_path / "model")
    assert Detector.load(tmp_path / "model").correct(dirty_frame()).changes == of_rows.correct(dirty_frame()).changes


def test_a_table_that_lost_a_column_is_refused(of_rows):
    with pytest.raises(SchemaError, match="'b'"):
        of_rows.model_.correct(pa.Table.from_pandas(frame().drop(columns="b"), preserve_index=False), ["0"] * 150)


def test_a_column_of_another_type_is_refused(of_rows):
    with pytest.raises((SchemaError, SourceError), match="column 'b'"):
        of_rows.correct(frame().assign(b="x"))


@pytest.mark.parametrize("column", [{}, {"new": 1}])
def test_columns_that_were_not_learned_stay(of_rows, column):
    table = pa.Table.from_pandas(dirty_frame().assign(**column), preserve_index=False)
    found = of_rows.model_.correct(table, list(map(str, range(len(table)))))
    assert found.mask.shape == (150, 4 + len(column))
    assert not found.mask[:, 4:].any()


@pytest.mark.parametrize("rows", [4, 30])
def test_a_fit_that_worked_still_does(rows):
    rng = np.random.default_rng(0)
    strange = pa.table(
        {
            "number": rng.normal(size=rows),
            "constant": [1] * rows,
            "nothing": pa.nulls(rows, pa.float64()),
            "bytes": [b"x"] * rows,
            "list": [[1, 2]] * rows,
            "time": pa.array(range(rows), pa.time32("s")),
            "stay": pa.array(range(rows), pa.duration("s")),
            "coded": pa.array(["u", "v"] * (rows // 2)).dictionary_encode(),
            "yes": [True, False] * (rows // 2),
        }
    )
    detector = Detector(epochs=1, n_latent=2, random_state=0, scorer="input-knn", correction=True).fit(strange)
    assert detector.correct(strange).data.schema == strange.schema


@pytest.mark.parametrize("values", [[0.5, 1.0], [0.1], [1e300], [np.nan, np.inf]])
def test_arrays_are_stored_small_only_where_nothing_is_lost(values):
    array = np.array(values)
    assert np.array_equal(widened(narrowed(array)), array, equal_nan=True)
    assert (narrowed(array).dtype == np.float32) == (values not in ([0.1], [1e300]))


def test_a_model_that_has_not_learned_to_correct_says_what_to_do():
    with pytest.raises(SettingError, match="fit it again with correction=True"):
        Detector(epochs=1, n_latent=3, scorer="input-knn").fit(frame()).correct(frame())
