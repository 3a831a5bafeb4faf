import pathlib
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from poleward.data.samples import Layout, arrow_table, as_samples
from poleward.errors import SourceError


@pytest.mark.parametrize(
    ("shape", "axes", "arranged"),
    [
        ((5, 8, 9), "nhw", (5, 8, 9, 1)),
        ((5, 8, 9, 3), "nhwb", (5, 8, 9, 3)),
        ((5, 3, 8, 9), "nbhw", (5, 8, 9, 3)),
        ((5, 1, 8, 1), "nhwb", (5, 1, 8, 1)),
        ((5, 4, 4, 4), "nhwb", (5, 4, 4, 4)),
    ],
)
def test_images_are_arranged_and_restored(shape, axes, arranged):
    images = np.arange(np.prod(shape)).reshape(shape)
    kind, data = as_samples(images)
    layout = Layout.of(images.shape)
    assert (kind, data.shape, layout.axes) == ("images", arranged, axes)
    np.testing.assert_array_equal(layout.restore(data), images)


def test_bands_first_become_bands_last():
    images = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    np.testing.assert_array_equal(as_samples(images)[1][1, :, :, 2], images[1, 2])


@pytest.mark.parametrize("shape", [(), (5,), (2, 2, 2, 2, 2)])
def test_another_number_of_axes_is_refused(shape):
    with pytest.raises(SourceError, match=f"the array has {len(shape)} axes"):
        as_samples(np.zeros(shape))


@pytest.mark.parametrize("dtype", ["int8", "bool", "float32", ">f8"])
def test_a_plain_array_becomes_numbered_columns(dtype):
    kind, table = as_samples(np.array([[0, 1, 0], [1, 1, 0]]).astype(dtype))
    assert kind == "table"
    assert table.to_pydict() == {"x0": [0, 1], "x1": [1, 1], "x2": [0, 0]}
    assert set(table.schema.types) == {pa.float64()}


def test_a_list_of_rows_is_a_table():
    assert as_samples([[1, 2]])[1].to_pydict() == {"x0": [1], "x1": [2]}


@pytest.mark.parametrize("array", [np.array([["a"]]), np.zeros((1, 1), complex), np.zeros((1, 2, 2), object)])
def test_an_array_without_real_numbers_is_refused(array):
    with pytest.raises(SourceError, match="must hold real numbers"):
        as_samples(array)


def test_a_tensor_is_read_as_the_array_it_holds():
    images = torch.rand(4, 3, 8, 8, requires_grad=True)
    kind, data = as_samples(images)
    assert kind == "images"
    np.testing.assert_array_equal(data, images.detach().numpy().transpose(0, 2, 3, 1))


@pytest.mark.parametrize(
    "frame",
    [
        pa.table({"a": [1, 2], "b": ["x", None]}),
        pa.record_batch({"a": [1, 2], "b": ["x", None]}),
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[7, 9]),
        pl.DataFrame({"a": [1, 2], "b": ["x", None]}),
    ],
    ids=lambda frame: f"{type(frame).__module__}.{type(frame).__name__}",
)
def test_every_data_frame_is_read_without_its_index(frame):
    kind, table = as_samples(frame)
    assert kind == "table"
    assert table.to_pydict() == {"a": [1, 2], "b": ["x", None]}


def test_a_data_frame_column_of_mixed_types_is_named():
    with pytest.raises(SourceError, match=r"the data frame cannot be read: .*column mixed"):
        as_samples(pd.DataFrame({"mixed": [1, "a"]}))


def test_two_data_frame_columns_of_one_name_are_refused():
    with pytest.raises(SourceError, match="Give each column one name and one type"):
        as_samples(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_reading_samples_needs_no_tensor_or_data_frame_library():
    program = "import sys, poleward.data.samples; print({'torch', 'pandas', 'polars'} & set(sys.modules))"
    source = pathlib.Path(sys.modules["poleward.data.samples"].__file__).parents[2]
    printed = subprocess.run([sys.executable, "-c", program], cwd=source, capture_output=True, text=True, check=True)
    assert printed.stdout == "set()\n"


def test_texts_and_categories_of_polars_are_texts_that_rows_can_be_taken_of():
    frame = pl.DataFrame({"a": ["x", None, "y"], "b": pl.Series(["u", "v", "u"], dtype=pl.Categorical)})
    table = arrow_table(frame)
    assert table.take([2, 0]).to_pydict() == {"a": ["y", "x"], "b": ["u", "u"]}
