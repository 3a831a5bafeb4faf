import json

import numpy as np
import pytest

REFUSED = [
    (["sped"], "suite 'sped' is unknown"),
    (["--only", "x"], "--only is 'x'"),
    (["tables", "--quick", "--only", "x"], "--only is 'x'"),
    (["tables", "--data", "nowhere"], "no such file"),
    (["images", "--data", "nowhere", "--only", "mars,rx"], "holds no folder train_typical"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_what_cannot_be_measured_is_refused(refused, words, said):
    assert said in refused("bench", *words)


def test_the_quick_form_writes_a_record(poleward, tmp_path):
    done = poleward("bench", "speed", "--quick", "--only", "neighbors", "--out", tmp_path)
    assert done.code == 0 and "k-NN, ours, s" in done.out
    assert (tmp_path / "speed-neighbors-quick.json").is_file()


def test_tables_are_compared_on_the_splits_that_the_seed_names(poleward, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "adbench" / "made").mkdir(parents=True)
    X = np.concatenate([rng.normal(size=(120, 3)), rng.normal(6, 1, size=(10, 3))])
    np.savez(tmp_path / "adbench" / "made" / "1_blob.npz", X=X, y=np.repeat([0, 1], [120, 10]))
    (tmp_path / "adbench" / "INDEX.csv").write_text("group,file,role\nmade,1_blob.npz,dev\n")
    words = ["--only", "dev,normal-only,raw-5nn,lof", "--seeds", 1, "--data", tmp_path, "--out", tmp_path / "r"]
    done = poleward("bench", "tables", *words)
    assert done.code == 0 and "dev, normal-only, 1_blob, seed 0: raw-5nn: AUROC 1.000" in done.out
    record = json.loads((tmp_path / "r" / "tables.json").read_text())
    assert record["runs"][0]["command"] == "poleward bench tables --only dev,normal-only,raw-5nn,lof --seeds 1"
    assert [(one["row"], one["figures"]["auroc"]) for one in record["outcomes"]] == [("lof", 1.0), ("raw-5nn", 1.0)]
