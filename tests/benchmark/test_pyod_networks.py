import sys

import numpy as np
import pytest

from poleward.benchmark.contenders import Effort
from poleward.benchmark.pyod_networks import PYOD
from poleward.benchmark.splits import Split
from poleward.errors import SettingError

NAMES = [one.name for one in PYOD]


def table(n_train):
    rng = np.random.default_rng(0)
    return Split("g", "d", 0, rng.normal(size=(n_train, 4)), rng.normal(size=(7, 4)), np.arange(7) > 4)


@pytest.mark.parametrize("contender", PYOD, ids=NAMES)
@pytest.mark.parametrize("n_train", [10, 60], ids=["less than a batch", "more than a batch"])
def test_pyod_scores_every_sample(contender, n_train):
    pytest.importorskip("pyod", reason="pyod is not installed")
    pytest.importorskip("tqdm", reason="tqdm, which pyod needs, is not installed")
    scores = contender.scores(table(n_train), Effort(epochs=1))[contender.name]
    assert scores.shape == (7,) and np.isfinite(scores).all()


@pytest.mark.parametrize("contender", PYOD, ids=NAMES)
def test_without_pyod_the_row_says_so(contender, monkeypatch):
    for name in ("pyod", "pyod.models", "pyod.models.auto_encoder", "pyod.models.vae", "pyod.models.deep_svdd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingError, match="pyod is not installed"):
        contender.scores(table(40), Effort(epochs=1))


def test_the_fault_of_its_vae_is_named():
    assert "no KL term" in PYOD[1].note and "draws codes while scoring" in PYOD[1].note
