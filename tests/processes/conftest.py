"""Two processes that train together, and one that does the same alone."""

import subprocess
import sys

import numpy as np
import pytest

TRAIN = """
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from poleward.autoencoder.autoencoder import Autoencoder
from poleward.objectives.catalogue import build_objective
from poleward.processes.team import ALONE, Team, leads, working
from poleward.records import Block, Features
from poleward.training.loop import Plan, train

torch.set_num_threads(1)
rank, place = int(sys.argv[1]), Path(sys.argv[2])
distributed.init_process_group("gloo", init_method=f"file://{place / 'meet'}", rank=rank, world_size=2)
rng = np.random.default_rng(0)
MIXED = [Block("length", "numeric", 0, 1), Block("colour", "categorical", 1, 3), Block("width", "numeric", 4, 1)]
rows = np.column_stack([rng.normal(size=420), np.eye(3)[rng.integers(3, size=420)], rng.normal(size=420)])
seen = rng.random((420, 5)) > 0.1
pictures = rng.random((60, 2, 8, 8)).astype(np.float32)
PLAN = Plan(epochs=2, batch_size=200, learning_rate=1e-2, seed=3)


def of_rows(objective, parametrisation="dimension-free", missing=False):
    model = Autoencoder((5,), MIXED, [1.0, 1.0], 6, build_objective(objective, parametrisation), sees_missing=missing)
    return model, (lambda at: Features(rows[at], seen[at] if missing else None)), 420, PLAN


def of_pictures():
    blocks = [Block("red", "numeric", 0, 1), Block("blue", "numeric", 1, 1)]
    model = Autoencoder((2, 8, 8), blocks, [1.0, 1.0], 4, build_objective("compressed"))
    return model, (lambda at: Features(pictures[at])), 60, replace(PLAN, batch_size=21)


cases = {name: lambda name=name: of_rows(name) for name in ("compressed", "moments", "variational", "norm")}
cases["missing cells"] = lambda: of_rows("compressed", missing=True)
cases["published"] = lambda: of_rows("compressed", "published")
cases["images"] = of_pictures
found = {}
for name, build in cases.items():
    for way, team in {"together": Team(rank, 2), "alone": ALONE}.items():
        model, load, n, plan = build()
        with working(team):
            history = train(model, load, n, plan)
        found |= {f"{name}/{way}/{term}": np.array(values) for term, values in history.items()}
        weights = [values.detach().numpy().ravel() for values in model.state_dict().values()]
        found[f"{name}/{way}/weights"] = np.concatenate(weights)
np.savez(place / f"{rank}.npz", **found)
distributed.destroy_process_group()
"""


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """What both processes found, and what each finds alone: name/way/term -> values."""
    place = tmp_path_factory.mktemp("team")
    words = [sys.executable, "-c", TRAIN]
    started = [subprocess.Popen([*words, str(rank), str(place)], stderr=subprocess.PIPE, text=True) for rank in (0, 1)]
    for process in started:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said
    return [dict(np.load(place / f"{rank}.npz")) for rank in (0, 1)]
