"""A detector of mixed rows with gaps and one of images, and both exported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")

from poleward.detector.detector import Detector
from poleward.export.exporting import export


@dataclass(frozen=True)
class Exported:
    """A detector, samples that it has not seen, and where it was exported to."""

    detector: Detector
    new: Any
    folder: Path


def mixed(n, seed):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    colour = np.where(a > 0, "red", rng.choice(["green", "blue"], n))
    return pd.DataFrame({"a": a, "b": np.where(rng.random(n) < 0.2, np.nan, 2 * a + rng.normal(size=n)), "c": colour})


def noisy(n, seed):
    return np.random.default_rng(seed).integers(0, 200, (n, 8, 6, 2)).astype(np.uint8)


def exported(folder, data, new, **settings):
    detector = Detector(epochs=1, n_latent=4, random_state=0, device="cpu", **settings).fit(data)
    export(detector, folder)
    return Exported(detector, new, folder)


@pytest.fixture(scope="session")
def rows(tmp_path_factory):
    """Their scorer needs the decoder, and their network knows of missing cells."""
    place = tmp_path_factory.mktemp("rows") / "exported"
    return exported(place, mixed(200, 0), mixed(50, 1), scorer="norm")


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """With the default scorer."""
    return exported(tmp_path_factory.mktemp("images") / "exported", noisy(60, 0), noisy(40, 1))


@pytest.fixture
def training_images():
    return noisy(60, 0)


@pytest.fixture(params=["rows", "images"])
def each(request):
    return request.getfixturevalue(request.param)
