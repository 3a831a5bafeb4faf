import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from poleward.artifact.folder import read_folder
from poleward.detector.detector import Detector
from poleward.errors import ModelError, OutputError, SettingError
from poleward.export import exporting
from poleward.export.agreement import TOLERANCE

WITHOUT_TORCH = """
import sys, numpy as np, pandas as pd

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is not installed")

sys.meta_path.insert(0, Without())
import poleward
for folder, source, out in zip(sys.argv[1::3], sys.argv[2::3], sys.argv[3::3]):
    X = np.load(source) if source.endswith(".npy") else pd.read_csv(source)
    ranking = poleward.Detector.load(folder).rank(X)
    np.savez(out, score=ranking.score, p_value=ranking.p_value, is_anomaly=ranking.is_anomaly)
from poleward.cli import main
sys.argv = ["poleward", "score", sys.argv[1], sys.argv[2], "--out", "ranking.csv"]
main()
"""


def close(found, expected):
    return (np.abs(found - expected) <= TOLERANCE * np.maximum(1, np.abs(expected))).all()


def test_an_exported_model_ranks_new_samples_as_the_original(each):
    found, expected = Detector.load(each.folder).rank(each.new), each.detector.rank(each.new)
    assert close(found.score, expected.score)
    assert np.array_equal(found.p_value, expected.p_value)
    assert np.array_equal(found.is_anomaly, expected.is_anomaly)


def test_it_knows_its_training_samples_again(images, training_images):
    assert Detector.load(images.folder).rank(training_images).in_training.all()


def test_neither_python_nor_the_command_line_needs_torch(rows, images, tmp_path):
    rows.new.to_csv(tmp_path / "rows.csv", index=False)
    np.save(tmp_path / "images.npy", images.new)
    words = [rows.folder, tmp_path / "rows.csv", tmp_path / "0.npz", images.folder, tmp_path / "images.npy"]
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, words), str(tmp_path / "1.npz")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for number, each in enumerate((rows, images)):
        expected = each.detector.rank(each.new)
        with np.load(tmp_path / f"{number}.npz") as found:
            assert close(found["score"], expected.score)
            assert np.array_equal(found["is_anomaly"], expected.is_anomaly)
    assert len((tmp_path / "ranking.csv").read_text().splitlines()) == 51


def test_the_folder_keeps_the_samples_on_which_both_agreed(each):
    contents = read_folder(each.folder, "exported model")
    scores = contents.arrays["agreement.scores"]
    told = contents.manifest["agreement"]
    assert (told["samples"], told["tolerance"]) == (len(scores), TOLERANCE)
    assert told["farthest"] <= TOLERANCE
    assert len(np.unique(scores)) > len(scores) / 2
    assert contents.arrays["agreement.values"].shape == (len(scores), *each.detector.model_.preparation.shape)


def test_the_decoder_is_in_the_graph_where_the_scorer_needs_it(images, monkeypatch, tmp_path):
    class AskedError(Exception):
        pass

    def asked(autoencoder, kind, shape, decodes):
        raise AskedError(decodes)

    monkeypatch.setattr(exporting, "as_onnx", asked)
    for scorer, decodes in (("fused", True), ("knn", False)):
        detector = Detector(scorer=scorer, epochs=1, n_latent=4, random_state=0).fit(images.new)
        with pytest.raises(AskedError, match=str(decodes)):
            exporting.export(detector, tmp_path / "out")


def test_the_threshold_may_be_changed_by_hand(rows, tmp_path):
    folder = shutil.copytree(rows.folder, tmp_path / "copy")
    manifest = json.loads((folder / "manifest.json").read_text())
    lowest = float(np.sort(rows.detector.rank(rows.new).score)[10])
    manifest["decision"]["threshold"] = lowest + 1e-3
    (folder / "manifest.json").write_text(json.dumps(manifest))
    flagged = Detector.load(folder).rank(rows.new).is_anomaly
    assert np.array_equal(flagged, rows.detector.rank(rows.new).score > lowest + 1e-3)


def test_a_changed_network_is_refused(rows, tmp_path):
    folder = shutil.copytree(rows.folder, tmp_path / "copy")
    content = bytearray((folder / "network.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "network.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"network\.onnx: its checksum"):
        Detector.load(folder)


@pytest.mark.parametrize(
    "act",
    [
        lambda loaded, X, place: loaded.explain(X),
        lambda loaded, X, place: loaded.sample(2),
        lambda loaded, X, place: loaded.save(place),
        lambda loaded, X, place: exporting.export(loaded, place),
    ],
)
def test_what_needs_the_network_itself_is_refused_in_a_sentence(rows, tmp_path, act):
    with pytest.raises(SettingError, match="an exported model only scores"):
        act(Detector.load(rows.folder), rows.new, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_codes_come_from_the_graph(each):
    np.testing.assert_allclose(
        Detector.load(each.folder).transform(each.new), each.detector.transform(each.new), rtol=1e-4, atol=1e-5
    )


def test_a_folder_of_something_else_is_not_replaced(rows, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="something else"):
        exporting.export(rows.detector, tmp_path)
