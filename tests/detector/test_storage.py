import json
import shutil
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from poleward.artifact import folder
from poleward.artifact.folder import read_folder, write_folder
from poleward.detector.detector import Detector
from poleward.errors import ModelError, OutputError
from poleward.objectives.catalogue import OBJECTIVES
from poleward.scoring.catalogue import IMAGE_VIEWS, SCORERS


def rows(seed=0):
    X = np.random.default_rng(seed).normal(size=(120, 3))
    X[::11, 1] = np.nan
    return X


def images():
    return np.random.default_rng(0).integers(0, 256, (40, 3, 8, 6)).astype(np.uint8)


def quick(**settings):
    return Detector(**{"epochs": 1, "n_latent": 3, "random_state": 0} | settings)


def plain():
    return quick(types={"x0": "numeric"}, contamination=0.1, scorer="knn")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    plain().fit(rows()).save(folder)
    return folder


@pytest.fixture
def model(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


@pytest.mark.parametrize(
    ("make", "scorer"),
    [(images, name) for name in SCORERS] + [(rows, name) for name in SCORERS if name not in IMAGE_VIEWS],
)
def test_a_loaded_detector_ranks_to_the_bit_as_the_saved_one(tmp_path, scorer, make):
    detector, new = quick(scorer=scorer).fit(make()), make()[::-1]
    detector.save(tmp_path / "model")
    loaded = Detector.load(tmp_path / "model")
    for name, values in vars(detector.rank(new)).items():
        assert np.array_equal(values, getattr(loaded.rank(new), name)), name
    assert np.array_equal(loaded.predict(new), detector.predict(new))
    assert np.array_equal(loaded.transform(new), detector.transform(new))
    assert np.array_equal(loaded.sample(3, random_state=1), detector.sample(3, random_state=1))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_comes_back(tmp_path, objective):
    detector = quick(objective=objective).fit(images())
    detector.save(tmp_path / "model")
    codes = detector.transform(images())
    assert np.array_equal(Detector.load(tmp_path / "model").inverse_transform(codes), detector.inverse_transform(codes))


def test_settings_and_attributes_come_back(saved):
    loaded, detector = Detector.load(saved), plain().fit(rows())
    assert loaded.get_params() == detector.get_params()
    assert (loaded.offset_, loaded.n_features_in_) == (detector.offset_, detector.n_features_in_)
    assert loaded.model_.facts == detector.model_.facts
    assert loaded.model_.history == detector.model_.history


def test_a_loaded_detector_fits_again_to_the_same_model(saved):
    loaded = Detector.load(saved)
    before = loaded.score_samples(rows(1))
    assert np.array_equal(loaded.fit(rows()).score_samples(rows(1)), before)


def test_a_folder_holds_a_readable_manifest_tensors_and_arrays_and_no_pickle(saved):
    assert sorted(path.name for path in saved.iterdir()) == ["arrays.npz", "manifest.json", "weights.safetensors"]
    with np.load(saved / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_the_manifest_says_what_was_trained_on_what(saved):
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["settings"]["objective"] == "compressed"
    assert manifest["facts"]["n_samples"] == 120
    assert manifest["facts"]["seed"] == 0
    assert len(manifest["facts"]["data_fingerprint"]) == 32
    assert {"poleward", "python", "torch", "numpy", "scikit-learn"} == set(manifest["versions"])
    for name, stated in manifest["files"].items():
        assert stated["sha256"] == sha256((saved / name).read_bytes()).hexdigest()


def test_other_data_have_another_fingerprint():
    one, other, same = (quick().fit(X).model_.facts["data_fingerprint"] for X in (rows(), rows(1), rows()))
    assert one == same
    assert one != other


def test_the_same_fit_writes_the_same_folder(tmp_path, saved):
    plain().fit(rows()).save(tmp_path / "again")
    for path in saved.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_model_trained_on_another_device_loads_here(model):
    rewritten(model, settings=lambda settings: settings | {"device": "cuda"})
    assert np.isfinite(Detector.load(model, device="cpu").score_samples(rows())).all()


def test_saving_again_replaces_the_model(model):
    quick(scorer="reconstruction").fit(rows()).save(model)
    assert Detector.load(model).scorer == "reconstruction"
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="is a folder of something else"):
        quick().fit(rows()).save(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("name", ["arrays.npz", "manifest.json", "weights.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "changed"])
def test_a_damaged_folder_is_refused_in_one_line(model, name, damage):
    content = (model / name).read_bytes()
    middle = len(content) // 2
    damaged = {
        "empty": b"",
        "half": content[:middle],
        "changed": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
    }
    if damage == "missing":
        (model / name).unlink()
    else:
        (model / name).write_bytes(damaged[damage])
    with pytest.raises(ModelError, match=str(model)) as refused:
        Detector.load(model)
    assert "\n" not in str(refused.value)


def rewritten(folder, tensors=lambda tensors: tensors, arrays=lambda arrays: arrays, **parts):
    """Change what a model says and sign it anew, as one who means harm could."""
    held = read_folder(folder, "model")
    content = {
        name: value for name, value in held.manifest.items() if name not in ("format", "kind", "files", "sha256")
    }
    content |= {name: change(content[name]) for name, change in parts.items()}
    write_folder(folder, "model", content, tensors(held.tensors), arrays(held.arrays))


def without(name):
    return lambda held: {other: value for other, value in held.items() if other != name}


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": lambda settings: settings | {"objective": "of the future"}},
        {"settings": lambda settings: settings | {"n_latent": -3}},
        {"settings": lambda settings: settings | {"new_setting": 1}},
        {"settings": without("alpha")},
        {"settings": lambda settings: settings | {"n_latent": 5}},
        {"facts": without("seed")},
        {"facts": lambda facts: facts | {"n_trained": "many"}},
        {"facts": lambda facts: facts | {"reading": 1e308}},
        {"facts": lambda facts: facts | {"reading": {"resize": 8}}},
        {"facts": lambda facts: facts | {"id_column": ["name"]}},
        {"history": lambda history: history | {"loss": ["low"]}},
        {"history": lambda history: []},
        {"estimator": lambda attributes: None},
        {"estimator": without("layout_")},
        {"calibrated_threshold": lambda threshold: "high"},
        {"decision": lambda decision: None},
        {"decision": without("alpha")},
        {"preparation": without("columns")},
        {"preparation": lambda preparation: preparation | {"kind": "sound"}},
        {"tensors": without("encoder.layers.0.weight")},
        {"tensors": lambda tensors: {name: tensor[:1] for name, tensor in tensors.items()}},
        {"tensors": lambda tensors: {}},
        {"arrays": without("prints.trained")},
        {"arrays": without("island.mean")},
        {"arrays": without("scorer.points")},
        {"arrays": lambda arrays: {name: array[..., :1] for name, array in arrays.items()}},
        {"arrays": lambda arrays: arrays | {"scorer.points": np.full_like(arrays["scorer.points"], np.nan)}},
        {"arrays": lambda arrays: arrays | {"island.mean": np.full_like(arrays["island.mean"], np.nan)}},
        {"arrays": lambda arrays: {}},
    ],
)
def test_parts_that_do_not_fit_together_are_refused_in_one_line(model, changes):
    rewritten(model, **changes)
    with pytest.raises(ModelError) as refused:
        Detector.load(model)
    assert "\n" not in str(refused.value)


def test_a_pickle_among_the_arrays_is_never_opened(model, tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    buffer = BytesIO()
    trap = np.empty(1, dtype=object)
    trap[0] = Trap()
    np.savez(buffer, trap=trap)
    monkeypatch.setattr(folder, "_write_bytes", planted(buffer.getvalue(), folder._write_bytes))
    rewritten(model)
    with pytest.raises(ModelError, match="not in the format"):
        Detector.load(model)
    assert not (tmp_path / "sprung").exists()
    with np.load(model / "arrays.npz", allow_pickle=True) as arrays:
        assert len(arrays["trap"]) == 1
    assert (tmp_path / "sprung").exists()  # a reader that trusts pickles springs it


def planted(trap, write):
    return lambda path, data: write(path, trap if path.suffix == ".npz" else data)


def test_a_newer_folder_asks_for_a_newer_program(model):
    manifest = json.loads((model / "manifest.json").read_text())
    (model / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(ModelError, match=r"written in format 99, this version reads format .*; update Poleward"):
        Detector.load(model)


def test_a_foreign_folder_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "my app", "start_url": "/"}))
    with pytest.raises(ModelError, match="damaged or foreign"):
        Detector.load(tmp_path)
    with pytest.raises(ModelError, match="does not exist; give the folder that `poleward fit --out` wrote"):
        Detector.load(tmp_path / "nowhere")


def test_a_mixed_table_comes_back_with_its_types(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=60),
            "colour": pd.Categorical(rng.choice(["red", "green"], 60)),
            "seen": pd.date_range("2024-01-01", periods=60),
            "open": rng.random(60) < 0.5,
        }
    )
    detector = quick().fit(frame)
    detector.save(tmp_path / "model")
    loaded = Detector.load(tmp_path / "model")
    assert loaded.sample(3, random_state=0).equals(detector.sample(3, random_state=0))
    assert np.array_equal(loaded.score_samples(frame), detector.score_samples(frame))


def edited(folder, **changes):
    """Change a manifest as a person with an editor does."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["decision"] |= changes
    path.write_text(json.dumps(manifest, indent=4))
    return folder


def test_the_manifest_says_first_how_it_decides(saved):
    manifest = json.loads((saved / "manifest.json").read_text())
    assert list(manifest)[:3] == ["format", "kind", "decision"]
    assert manifest["decision"] == {"alpha": 0.01, "threshold": Detector.load(saved).model_.threshold}


def test_a_threshold_that_was_edited_is_the_one_used(model):
    before = Detector.load(model)
    threshold = float(np.median(-before.score_samples(rows(1))))
    after = Detector.load(edited(model, threshold=threshold))
    ranking = after.rank(rows(1))
    assert np.array_equal(ranking.is_anomaly, ranking.score > threshold)
    assert np.array_equal(after.predict(rows(1)) == -1, ranking.is_anomaly)
    assert np.array_equal(ranking.p_value, before.p_values(rows(1)))
    assert after.model_.facts["threshold_from"] == "hand"
    assert after.model_.level == after.model_.conformal.level_above(threshold)


def test_an_alpha_that_was_edited_brings_its_threshold(model):
    detector = Detector.load(edited(model, alpha=0.2))
    assert detector.alpha == 0.2
    assert detector.model_.threshold == detector.model_.conformal.threshold(0.2)
    assert detector.model_.facts["threshold_from"] == "alpha"


def test_what_was_edited_is_kept_when_saved_again(model, tmp_path):
    Detector.load(edited(model, threshold=0.5)).save(tmp_path / "again")
    detector = Detector.load(tmp_path / "again")
    assert detector.model_.threshold == 0.5
    assert detector.model_.facts["threshold_from"] == "hand"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"alpha": 2}, "alpha = 2"),
        ({"alpha": "low"}, "alpha = 'low'"),
        ({"alpha": None}, "alpha = None"),
        ({"threshold": "high"}, "threshold = 'high': accepted is a number"),
        ({"threshold": float("nan")}, "threshold = nan: accepted is a number"),
        ({"threshold": True}, "threshold = True"),
        ({"alpha": 0.2, "threshold": 0.5}, "both alpha and threshold of its decision were changed"),
    ],
)
@pytest.mark.usefixtures("as_installed")
def test_an_edit_that_cannot_be_followed_is_refused_in_one_line(model, changes, said):
    with pytest.raises(ModelError, match=said) as refused:
        Detector.load(edited(model, **changes))
    assert "\n" not in str(refused.value)


def test_whatever_else_is_edited_is_refused_with_what_may_be(model):
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["settings"]["alpha"] = 0.2
    (model / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="was changed after it was written, elsewhere than in its 'decision'"):
        Detector.load(model)
