"""Small saved models, and what a single process says of samples."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from poleward.data.source import open_source
from poleward.detector.detector import Detector


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """A parquet file of 300 rows with names, in three row groups."""
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "name": [f"r{row}" for row in range(300)],
            "a": rng.normal(size=300),
            "colour": rng.choice(["red", "green"], 300),
        }
    )
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    pa.parquet.write_table(table, path, row_group_size=100)
    return path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder of 30 images."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(30):
        Image.fromarray(rng.integers(0, 255, (8, 6, 3), np.uint8)).save(folder / f"{number:02d}.png")
    return folder


@pytest.fixture(scope="session")
def table_model(rows, tmp_path_factory):
    """A model of the first 200 rows."""
    table = pa.parquet.read_table(rows).slice(0, 200).drop_columns(["name"])
    return saved(Detector(epochs=1, n_latent=3, random_state=0).fit(table), tmp_path_factory)


@pytest.fixture(scope="session")
def image_model(pictures, tmp_path_factory):
    """A model of all images."""
    batch = next(open_source(pictures).batches(30))
    return saved(Detector(epochs=1, n_latent=3, random_state=0).fit(batch.data), tmp_path_factory)


def saved(detector, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "model"
    detector.save(folder)
    return folder
