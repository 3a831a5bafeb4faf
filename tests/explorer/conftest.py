"""Made collections, and an explorer that answers over HTTP."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from poleward.explorer.collection import Collection
from poleward.explorer.exploration import Exploration
from poleward.explorer.labels import LabelLog
from poleward.explorer.server import address, server
from poleward.records import CellEvidence, Change, Correction, Ranking
from poleward.serve.limits import listening

HOSTILE = "<img src=x onerror=alert(1)>.png"
TOKEN = "the-token"


def made_collection(n=300, kind="images", seed=0):
    """n samples whose scores fall from n to 1 in their order; every 10th has its code near (3, 0, 0)."""
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(n, 3)) * 0.3
    codes[::10, 0] += 3
    score = np.arange(n, 0, -1, dtype=float)
    names = [HOSTILE if row == 2 else f"{row:06d}.png" for row in range(n)]
    flags = score > n - 5
    ranking = Ranking(names, score, 1 / (1 + score), flags, np.zeros(n, bool))
    image, evidence = (picture_of, pictures_of) if kind == "images" else (None, cells_of)
    columns = {"size": np.arange(n, dtype=float), "band": np.array(["r", "g", "B"], object)[np.arange(n) % 3]}
    correction = corrected_picture if kind == "images" else corrected_row
    return Collection(kind, "made", ranking, codes, columns, image, evidence, correction)


def picture_of(row):
    image = np.full((8, 8, 3), 40, np.uint8)
    image[row % 8, :, row % 3] = 250
    return image


def pictures_of(row):
    image = picture_of(row)
    return {"image": image, "reconstruction": image // 2, "residual": image[..., 0] / 255}


def cells_of(row):
    return {"cells": (CellEvidence("size", str(row), "<b>7</b>", 0.75), CellEvidence("band", "r", "g", 0.25))}


def corrected_picture(row):
    """Every even row has one wrong pixel."""
    mask = np.zeros((1, 8, 8, 3), bool)
    mask[0, 2, 3] = row % 2 == 0
    data = np.where(mask, np.uint8(9), picture_of(row)[None])
    return Correction(data, mask, mask * 0.8, np.array([float(row)]), np.array([float(row) - mask.any()]))


def corrected_row(row):
    change = Change(0, str(row), "size", row, None, 0.9, 5.0, 1.5)
    return Correction(None, np.array([[True, False]]), np.array([[0.9, 0]]), np.array([5.0]), np.array([1.5]), [change])


@pytest.fixture
def collection():
    return made_collection()


@pytest.fixture
def log(tmp_path):
    opened = LabelLog(tmp_path / "made.labels")
    yield opened
    opened.close()


@pytest.fixture
def exploration(collection, log):
    return Exploration(collection, log, "ada")


class Answering:
    """Explorers that run in this process, each in a thread."""

    def __init__(self):
        self.running = []

    def __call__(self, exploration):
        """Start one; gives its address."""
        listener = listening(0)
        made = server(exploration, TOKEN)
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        self.running.append((made, thread, listener))
        return address(listener.getsockname()[1], TOKEN)

    def stop(self):
        while self.running:
            made, thread, listener = self.running.pop()
            made.should_exit = True
            thread.join()
            listener.close()


@pytest.fixture
def made():
    return made_collection


@pytest.fixture
def answer(log):
    """Let explorations answer over HTTP until the test ends."""
    answering = Answering()
    yield answering
    answering.stop()


@pytest.fixture
def changed():
    return replace
