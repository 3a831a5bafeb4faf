"""poleward fit on several processes."""

import json
import subprocess
import sys

import numpy as np


def history(model):
    return json.loads((model / "manifest.json").read_text())["history"]["loss"]


def test_two_processes_fit_what_one_does(poleward, sources, here):
    words = ["fit", str(sources / "table.csv"), "--exclude", "name,odd", "--epochs", "2", "--batch-size", "40"]
    words += ["--scorer", "knn"]
    assert poleward(*words, "--out", "one").code == 0
    command = [sys.executable, "-m", "poleward", *words, "--out", "two", "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "Trained on 102 samples, calibrated on 18; the model lies in two\n"
    assert np.allclose(history(here / "two"), history(here / "one"), rtol=1e-5)
    assert here() == ["one", "two"]


def test_more_processes_than_a_batch_has_samples_are_refused(sources, here):
    words = ["fit", str(sources / "table.csv"), "--exclude", "name,odd", "--batch-size", "1", "--out", "m"]
    command = [sys.executable, "-m", "poleward", *words, "--processes", "2"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("poleward: 2 processes cannot share batches of 1 samples; start fewer")
    assert here() == []
