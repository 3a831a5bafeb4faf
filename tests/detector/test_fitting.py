import itertools

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poleward.data.samples import numbered_columns
from poleward.detector.detector import Detector
from poleward.detector.fitting import Run, fit_model
from poleward.detector.settings import Settings
from poleward.detector.shares import split
from poleward.errors import Interrupted, ModelError, OutputError, SettingError, SourceError, TrainingCollapsed
from poleward.training import checkpoint as checkpoint_file
from poleward.training import collapse

IDLE = {name: value for name, value in Detector().get_params().items() if name != "random_state"}


def settings(**changes):
    return Settings(**(IDLE | {"epochs": 3, "n_latent": 3, "batch_size": 16} | changes))


def rows(n=80, seed=0):
    return numbered_columns(np.random.default_rng(seed).normal(size=(n, 3)))


def images(n=40, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 8, 6, 2)).astype(np.uint8)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.ranker.autoencoder.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@given(st.integers(4, 5000), st.floats(0.001, 0.9), st.integers(0, 99))
def test_a_split_gives_every_row_to_training_or_to_calibration(n, share, seed):
    trained, aside = split(n, share, seed)
    assert sorted([*trained, *aside]) == list(range(n))
    assert len(trained) >= 2
    assert len(aside) >= 1
    assert abs(len(aside) - share * n) <= 1 or len(trained) == 2


def test_calibration_rows_are_in_no_index():
    model = fit_model("table", rows(), settings(scorer="input-knn"), seed=0)
    assert len(model.ranker.trained_prints) == len(model.ranker.scorer.index) == 68
    assert len(model.conformal.scores) == len(model.calibration_prints) == 12
    assert not np.intersect1d(model.ranker.trained_prints, model.calibration_prints).size


def test_what_calibration_rows_hold_changes_neither_the_network_nor_the_scale():
    data, aside = rows(), split(80, 0.15, seed=0)[1]
    changed = np.stack([column.to_numpy() for column in data.columns], axis=1)
    changed[aside] *= 1000
    one, other = (fit_model("table", table, settings(), seed=0) for table in (data, numbered_columns(changed)))
    assert same(weights(one), weights(other))
    assert one.preparation.to_manifest() == other.preparation.to_manifest()
    assert one.conformal.scores.max() < other.conformal.scores.max()


@pytest.mark.parametrize(("kind", "make"), [("table", rows), ("images", images)])
def test_a_stopped_run_goes_on_to_the_weights_of_one_that_was_not(tmp_path, kind, make):
    whole = fit_model(kind, make(), settings(), seed=0)
    for n_steps in (0, 1, 4, 8):
        path = tmp_path / f"after {n_steps}"
        steps = itertools.count()
        with pytest.raises(Interrupted, match=r"stopped in epoch \d; the state lies in .*, go on with --resume"):
            fit_model(kind, make(), settings(), 0, Run(path, stop=lambda steps=steps, n=n_steps: next(steps) == n))
        assert path.is_dir()
        resumed = fit_model(kind, make(), settings(), 0, Run(path, resume=True))
        assert same(weights(whole), weights(resumed))
        assert whole.history == resumed.history
        assert np.array_equal(whole.conformal.scores, resumed.conformal.scores)


def test_a_run_that_is_stopped_again_and_again_ends_the_same(tmp_path):
    whole = fit_model("table", rows(), settings(), seed=0)
    for _ in range(30):
        steps = itertools.count()
        try:
            model = fit_model(
                "table", rows(), settings(), 0, Run(tmp_path / "c", True, stop=lambda steps=steps: next(steps) == 2)
            )
            break
        except Interrupted:
            continue
    assert same(weights(whole), weights(model))


def test_without_a_place_for_it_a_stop_says_so():
    with pytest.raises(Interrupted, match="no checkpoint was asked for"):
        fit_model("table", rows(), settings(), 0, Run(stop=lambda: True))


def test_a_new_run_forgets_an_old_state_unless_told_to_resume(tmp_path):
    with pytest.raises(Interrupted):
        fit_model("table", rows(), settings(), 0, Run(tmp_path / "c", stop=lambda: True))
    whole = fit_model("table", rows(seed=1), settings(), seed=0)
    assert same(weights(whole), weights(fit_model("table", rows(seed=1), settings(), 0, Run(tmp_path / "c"))))


@pytest.mark.parametrize(
    ("data", "changes", "seed"), [(rows(seed=1), {}, 0), (rows(), {"weight": 2.0}, 0), (rows(), {}, 1)]
)
def test_a_state_of_another_run_is_refused(tmp_path, data, changes, seed):
    with pytest.raises(Interrupted):
        fit_model("table", rows(), settings(), 0, Run(tmp_path / "c", stop=lambda: True))
    with pytest.raises(ModelError, match="belongs to a run on other data or with other settings"):
        fit_model("table", data, settings(**changes), seed, Run(tmp_path / "c", resume=True))


def test_a_running_training_leaves_its_state_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_file, "SECONDS_BETWEEN", -1.0)
    seen = []
    run = Run(tmp_path / "c", on_step=lambda done, total: seen.append((done, total, (tmp_path / "c").exists())))
    fit_model("table", rows(), settings(), 0, run)
    assert [done for done, _, _ in seen] == list(range(1, 16))  # 3 epochs of 5 batches
    assert {total for _, total, _ in seen} == {15}
    assert [exists for _, _, exists in seen] == [False] + 14 * [True]
    run.forget()
    assert not (tmp_path / "c").exists()


def test_what_is_no_checkpoint_is_neither_forgotten_nor_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    Run(tmp_path).forget()
    with pytest.raises(ModelError, match=str(tmp_path)):
        fit_model("table", rows(), settings(), 0, Run(tmp_path, stop=lambda: True))
    assert (tmp_path / "thesis.tex").exists()


def test_a_checkpoint_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        fit_model("table", rows(), settings(), 0, Run(tmp_path / "file" / "c", stop=lambda: True))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_too_few_samples_are_refused(n):
    for kind, data in (("table", rows(n)), ("images", images(n))):
        with pytest.raises(SourceError, match=rf"{n} sample\(s\) found; a detector needs at least 4"):
            fit_model(kind, data, settings(), seed=0)


def test_four_samples_are_enough():
    assert fit_model("table", rows(4), settings(), seed=0).facts["n_trained"] == 3


def test_a_loss_that_is_not_finite_stops_training_with_what_to_try(monkeypatch):
    monkeypatch.setattr("poleward.autoencoder.autoencoder.Autoencoder.loss", not_a_number)
    with pytest.raises(TrainingCollapsed, match=r"epoch 1: loss = nan; try a smaller learning rate"):
        fit_model("table", rows(), settings(), seed=0)


def not_a_number(model, values, *rest):
    loss = sum(p.sum() for p in model.parameters()) * float("nan")
    return loss, {"loss": loss.item()}


def test_a_dead_latent_space_stops_with_what_to_try(monkeypatch):
    monkeypatch.setattr(collapse, "DEAD_SPREAD", 1e9)
    with pytest.raises(TrainingCollapsed, match=r"68 samples have the same latent mean.*try a smaller weight"):
        fit_model("table", rows(), settings(), seed=0)


def test_scores_that_are_all_the_same_stop_with_what_to_try():
    table = pa.table({"a": [0.0, 1.0] * 40, "b": [1.0, 0.0] * 40})
    with pytest.raises(TrainingCollapsed, match=r"all 80 training scores are 0.*Try another scorer or objective"):
        fit_model("table", table, settings(scorer="input-knn"), seed=0)


def test_published_constants_are_for_images():
    with pytest.raises(SettingError, match="use parametrisation 'dimension-free'"):
        fit_model("table", rows(), settings(parametrisation="published"), seed=0)
    assert fit_model("images", images(), settings(parametrisation="published"), seed=0).facts["n_trained"] == 34


def test_history_has_one_value_per_epoch_and_term():
    history = fit_model("table", rows(), settings(epochs=5), seed=0).history
    assert {"loss", "reconstruction"} <= set(history)
    assert {len(values) for values in history.values()} == {5}


def test_contamination_counts_the_samples_kept_aside_too():
    model = fit_model("table", rows(100), settings(contamination=0.2), seed=0)
    ranking = model.rank(rows(100), [str(i) for i in range(100)])
    assert ranking.is_anomaly.sum() == 20


def test_the_seed_decides_split_weights_and_noise():
    one, same_seed, other = (fit_model("table", rows(), settings(), seed) for seed in (3, 3, 4))
    assert same(weights(one), weights(same_seed))
    assert not same(weights(one), weights(other))
    assert np.array_equal(one.calibration_prints, same_seed.calibration_prints)
    assert not np.array_equal(one.calibration_prints, other.calibration_prints)


def odd_ones_among(n, share, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    X[: round(share * n)] += 40 * rng.normal(size=(round(share * n), 3))
    return numbered_columns(X)


@pytest.mark.parametrize("share", [0.05, 0.15])
def test_contamination_can_be_estimated(share):
    model = fit_model("table", odd_ones_among(1500, share), settings(contamination="auto", scorer="input-knn"), seed=0)
    found = model.facts["contamination"]
    assert abs(found - share) < 0.3 * share
    assert model.facts["threshold_from"] == "contamination"
    flagged = model.rank(odd_ones_among(1500, share), [str(i) for i in range(1500)]).is_anomaly
    assert abs(flagged.sum() - found * 1500) <= 1
    assert flagged[: round(share * 1500)].mean() > 0.7


def test_no_contamination_keeps_rows_of_a_rare_kind_and_decides_by_alpha():
    X = np.random.default_rng(0).normal(size=(700, 4))
    X[:40] = 9 + 0.05 * X[:40]
    thought, told = (
        fit_model("table", numbered_columns(X), settings(contamination=asked, epochs=1, scorer="fused"), seed=0)
        for asked in (None, 0.0)
    )
    n_learned = [len(model.ranker.scorer.rows) for model in (thought, told)]
    assert n_learned[0] < n_learned[1] == told.facts["n_trained"]
    assert told.facts["threshold_from"] == "alpha"


def test_clean_data_are_decided_upon_as_if_contamination_had_not_been_asked_for():
    clean = rows(1500)
    one, other = (
        fit_model("table", clean, settings(contamination=asked, scorer="input-knn"), seed=0) for asked in (None, "auto")
    )
    assert other.facts["contamination"] == 0
    assert one.threshold == other.threshold
    assert np.array_equal(one.conformal.scores, other.conformal.scores)


def test_calibration_scores_of_anomalies_that_stand_far_out_are_left_out_of_p_values():
    data = odd_ones_among(1500, 0.1)
    told = fit_model("table", data, settings(contamination=0.1, scorer="input-isolation-forest"), seed=0)
    not_told = fit_model("table", data, settings(scorer="input-isolation-forest"), seed=0)
    left_out = told.facts["n_left_out"]
    assert 0 < left_out <= 22
    assert np.array_equal(told.conformal.scores, not_told.conformal.scores[:-left_out])


@pytest.mark.parametrize(("correction", "last"), [(False, "calibrating"), (True, "learning to correct")])
def test_what_goes_on_is_told(correction, last):
    told = []
    fit_model("table", rows(), settings(correction=correction), 0, Run(on_phase=told.append))
    assert told[:4] == ["preparing", "training", "indexing", "calibrating"]
    assert told[-1] == last
