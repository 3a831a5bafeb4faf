import shutil
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.data.spool import Spool
from poleward.errors import OutputError


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.sampled_from(["uint8", "float64", "bool"]))
def test_rows_come_back_as_they_went_in_whatever_the_order(lengths, dtype):
    rows = np.random.default_rng(0).integers(0, 2, (sum(lengths), 2, 3)).astype(dtype)
    spool = Spool((2, 3), dtype)
    for part in np.split(rows, np.cumsum(lengths)[:-1]):
        spool.append(part)
    wanted = np.random.default_rng(1).permutation(len(rows))
    assert len(spool) == len(rows)
    assert np.array_equal(spool[wanted], rows[wanted])
    assert spool[wanted].dtype == rows.dtype


def test_zeros_can_be_skipped_over():
    spool = Spool((2,), "int16")
    spool.append(np.ones((1, 2)))
    spool.extend(3)
    spool.append(np.full((1, 2), 7))
    assert spool[np.arange(5)].tolist() == [[1, 1], [0, 0], [0, 0], [0, 0], [7, 7]]


def test_a_row_beyond_the_last_is_an_error():
    spool = Spool((2,), "int16")
    spool.append(np.ones((1, 2)))
    with pytest.raises(IndexError, match="row 1 of 1"):
        spool[np.array([1])]


def test_it_leaves_no_file_that_anybody_sees(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spool = Spool((2,), "int16")
    spool.append(np.ones((1, 2)))
    assert list(tmp_path.iterdir()) == []


def test_a_disc_without_room_is_said_before_anything_is_written(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(2_000_000_000, 1_000_000_000, 1_000_000_000))
    with pytest.raises(OutputError, match=r"room for 1.0 GB, prepared samples need 1.2; .* TMPDIR"):
        Spool((30,), "float64", expected=5_000_000)
