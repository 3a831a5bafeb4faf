import json

import numpy as np
import pytest

REFUSED = [
    (["sped"], "suite 'sped' is unknown"),
    (["--only", "x"], "--only is 'x'"),
    (["tables", "--only", "x"], "--only is 'x'"),
    (["tables", "--data", "nowhere"], "no such file"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_what_cannot_be_measured_is_refused(refused, words, said):
    assert said in refused("bench", *words)


def test_the_quick_form_writes_a_record(poleward, tmp_path):
    done = poleward("bench", "speed", "--quick", "--only", "neighbors", "--out", tmp_path)
    assert done.code == 0 and "k-NN, ours, s" in done.out
    assert (tmp_path / "speed-neighbors.json").is_file()


def test_tables_are_compared_on_the_splits_that_the_seed_names(poleward, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "made").mkdir()
    X = np.concatenate([rng.normal(size=(120, 3)), rng.normal(6, 1, size=(10, 3))])
    np.savez(tmp_path / "made" / "1_blob.npz", X=X, y=np.repeat([0, 1], [120, 10]))
    (tmp_path / "INDEX.csv").write_text("group,file,role\nmade,1_blob.npz,dev\n")
    done = poleward("bench", "tables", "--only", "dev", "--seeds", 1, "--data", tmp_path, "--out", tmp_path / "r")
    assert done.code == 0 and "1_blob: default 1.000" in done.out
    record = json.loads((tmp_path / "r" / "tables-dev.json").read_text())
    assert record["command"] == "poleward bench tables --only dev --seeds 1"
    perfect = {"typical": 1.0, "low": 1.0, "high": 1.0}
    assert {"name": "default, mean AUROC", "value": perfect, "goal": "", "met": None} in record["figures"]
