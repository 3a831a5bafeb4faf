import json
import math
import threading
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from poleward.autoencoder.autoencoder import Autoencoder
from poleward.errors import Interrupted, ModelError, TrainingCollapsed
from poleward.objectives.catalogue import build_objective
from poleward.records import Block, Features
from poleward.training.checkpoint import Checkpoint
from poleward.training.loop import (
    LARGEST_GRADIENT_NORM,
    Plan,
    Trainable,
    cosine_decay,
    epoch_batches,
    loaded,
    one_cycle,
    to_tensors,
    train,
)

PLAN = Plan(epochs=3, batch_size=4, learning_rate=0.05, seed=0)
N_STEPS = 9
"""10 samples in batches of 4, 3 and 3, three times."""

ROWS = np.random.default_rng(0).normal(size=(10, 3))
PICTURES = np.random.default_rng(0).random((10, 2, 8, 8))


class Line(torch.nn.Linear):
    """x -> one number, asked to be the row's sum, under noise from the generator."""

    def loss(self, values, observed, epoch, n_epochs, generator, half_precision=False):
        noise = torch.randn(len(values), generator=generator)
        loss = (self(values)[:, 0] - values.sum(1) + 0.1 * noise).square().mean()
        return loss, {"loss": loss.item()}


def line():
    torch.manual_seed(1)
    return Line(3, 1)


def pictured():
    blocks = [Block("red", "numeric", 0, 1), Block("blue", "numeric", 1, 1)]
    return Autoencoder((2, 8, 8), blocks, [1.0, 1.0], 4, build_objective("compressed"))


def load_rows(rows):
    return Features(ROWS[rows])


def load_pictures(rows):
    return Features(PICTURES[rows])


def after(n_steps):
    """A `stop` that says yes once that many steps are done."""
    asked = iter(range(n_steps + 1))
    return lambda: next(asked) == n_steps


def same(one, other):
    """Whether two models have the same state, bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_six_lines_are_trainable():
    assert isinstance(line(), Trainable)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    states = []
    for seed in (0, 0, 1):
        model = line()
        train(model, load_rows, 10, Plan(3, 4, 0.05, seed))
        states.append(model.state_dict())
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


def test_training_learns():
    model = line()
    history = train(model, load_rows, 10, Plan(300, 10, 0.05, 0))
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    assert torch.allclose(model.weight, torch.ones(1, 3), atol=0.2)


def test_the_history_has_the_mean_of_each_epoch():
    seen = []

    class Telling(Line):
        def loss(self, *arguments):
            loss, terms = super().loss(*arguments)
            seen.append(terms["loss"])
            return loss, terms

    history = train(Telling(3, 1), load_rows, 10, PLAN)
    assert history["loss"] == pytest.approx(np.mean(np.reshape(seen, (3, 3)), axis=1))


def interrupted_and_resumed(build, load, folder, stops):
    for n_steps in stops:
        with pytest.raises(Interrupted):
            train(build(), load, 10, PLAN, Checkpoint(folder, "run"), stop=after(n_steps))
    model = build()
    return train(model, load, 10, PLAN, Checkpoint(folder, "run")), model


@pytest.mark.parametrize("n_steps", range(N_STEPS))
def test_a_run_interrupted_at_any_step_and_resumed_ends_like_one_that_was_not(tmp_path, n_steps):
    whole = line()
    history = train(whole, load_rows, 10, PLAN)
    resumed_history, resumed = interrupted_and_resumed(line, load_rows, tmp_path / "c", [n_steps])
    assert resumed_history == history
    assert same(resumed.state_dict(), whole.state_dict())


def test_a_run_interrupted_again_and_again_ends_like_one_that_was_not(tmp_path):
    whole = line()
    history = train(whole, load_rows, 10, PLAN)
    resumed_history, resumed = interrupted_and_resumed(line, load_rows, tmp_path / "c", [0, 2, 1, 0, 4])
    assert resumed_history == history
    assert same(resumed.state_dict(), whole.state_dict())


@pytest.mark.parametrize("n_steps", [1, 3, 5])
def test_a_run_on_pictures_interrupted_and_resumed_ends_like_one_that_was_not(tmp_path, n_steps):
    whole = pictured()
    history = train(whole, load_pictures, 10, PLAN)
    resumed_history, resumed = interrupted_and_resumed(pictured, load_pictures, tmp_path / "c", [n_steps])
    assert resumed_history == history
    assert same(resumed.state_dict(), whole.state_dict())


def test_a_state_that_a_running_training_left_is_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr("poleward.training.checkpoint.SECONDS_BETWEEN", -1.0)

    def crash(done, of):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(line(), load_rows, 10, PLAN, Checkpoint(tmp_path / "c", "run"), on_step=crash)
    whole, resumed = line(), line()
    history = train(whole, load_rows, 10, PLAN)
    assert train(resumed, load_rows, 10, PLAN, Checkpoint(tmp_path / "c", "run")) == history
    assert same(resumed.state_dict(), whole.state_dict())


def test_a_finished_run_is_not_run_again(tmp_path, monkeypatch):
    monkeypatch.setattr("poleward.training.checkpoint.SECONDS_BETWEEN", -1.0)
    finished, again, steps = line(), line(), []
    history = train(finished, load_rows, 10, PLAN, Checkpoint(tmp_path / "c", "run"))
    found = train(again, load_rows, 10, PLAN, Checkpoint(tmp_path / "c", "run"), lambda done, of: steps.append(done))
    assert found == history and not steps
    assert same(again.state_dict(), finished.state_dict())


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    with pytest.raises(Interrupted, match=r"stopped in epoch 2; the state lies in .*c, go on with --resume"):
        train(line(), load_rows, 10, PLAN, Checkpoint(tmp_path / "c", "these data"), stop=after(3))
    with pytest.raises(ModelError, match="belongs to a run on other data or with other settings"):
        train(line(), load_rows, 10, PLAN, Checkpoint(tmp_path / "c", "other data"))


def test_without_a_checkpoint_a_stopped_run_says_that_nothing_was_kept():
    with pytest.raises(Interrupted, match="no checkpoint was asked for"):
        train(line(), load_rows, 10, PLAN, stop=after(2))


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
@pytest.mark.parametrize(("sick_step", "epoch"), [(0, 1), (4, 2), (8, 3)])
def test_a_loss_that_is_not_finite_is_named_with_its_epoch(wrong, sick_step, epoch):
    class Sick(Line):
        steps = 0

        def loss(self, *arguments):
            loss, _ = super().loss(*arguments)
            factor = wrong if self.steps == sick_step else 1.0
            self.steps += 1
            return loss * factor, {"loss": loss.item() * factor}

    with pytest.raises(TrainingCollapsed, match=rf"broke down in epoch {epoch}: loss = {wrong}; try a smaller"):
        train(Sick(3, 1), load_rows, 10, PLAN)


@given(n_samples=st.integers(1, 300), batch_size=st.integers(1, 300), epoch=st.integers(0, 9))
def test_batches_are_a_partition_into_sizes_that_differ_by_at_most_one(n_samples, batch_size, epoch):
    batches = epoch_batches(n_samples, batch_size, seed=0, epoch=epoch)
    sizes = [len(batch) for batch in batches]
    assert sorted(np.concatenate(batches)) == list(range(n_samples))
    assert max(sizes) - min(sizes) <= 1 and max(sizes) <= max(batch_size, 3)
    assert len(batches) == max(1, min(math.ceil(n_samples / batch_size), n_samples // 2))


def test_each_epoch_has_its_own_order():
    orders = [tuple(np.concatenate(epoch_batches(50, 10, seed, epoch))) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(orders)) == 4


def test_every_sample_is_seen_once_an_epoch():
    seen = Counter()

    def counted(rows):
        seen.update(rows.tolist())
        return load_rows(rows)

    train(line(), counted, 10, PLAN)
    assert {row: seen[row] for row in range(1, 10)} == dict.fromkeys(range(1, 10), 3)


def test_fewer_samples_than_a_batch_make_one_batch():
    steps = []
    train(line(), load_rows, 3, Plan(2, 100, 0.05, 0), on_step=lambda done, of: steps.append((done, of)))
    assert steps == [(1, 2), (2, 2)]


def test_steps_are_counted_over_a_resumed_run_too(tmp_path):
    steps = []
    with pytest.raises(Interrupted):
        train(line(), load_rows, 10, PLAN, Checkpoint(tmp_path / "c", "run"), stop=after(4))
    train(line(), load_rows, 10, PLAN, Checkpoint(tmp_path / "c", "run"), lambda *at: steps.append(at))
    assert steps == [(done, N_STEPS) for done in range(5, N_STEPS + 1)]


def test_the_learning_rate_falls_along_half_a_cosine(monkeypatch):
    rates = []
    step = torch.optim.Adam.step

    def recorded(optimizer, *arguments):
        rates.append(optimizer.param_groups[0]["lr"])
        return step(optimizer, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", recorded)
    train(line(), load_rows, 10, PLAN)
    assert rates == pytest.approx([0.05 * (1 + math.cos(math.pi * i / N_STEPS)) / 2 for i in range(N_STEPS)])


def test_the_cosine_falls_from_one_to_zero():
    assert [cosine_decay(done) for done in (0.0, 0.5, 1.0)] == pytest.approx([1, 0.5, 0])


def test_large_gradients_are_clipped(monkeypatch):
    norms = []
    step = torch.optim.Adam.step

    def recorded(optimizer, *arguments):
        gradients = [parameter.grad.flatten() for group in optimizer.param_groups for parameter in group["params"]]
        norms.append(torch.cat(gradients).norm().item())
        return step(optimizer, *arguments)

    monkeypatch.setattr(torch.optim.Adam, "step", recorded)
    train(line(), lambda rows: Features(1e4 * ROWS[rows]), 10, PLAN)
    assert norms == pytest.approx([LARGEST_GRADIENT_NORM] * N_STEPS, rel=1e-3)


def test_the_model_trains_in_training_mode_and_ends_in_evaluation_mode():
    modes = []

    class Modal(Line):
        def loss(self, *arguments):
            modes.append(self.training)
            return super().loss(*arguments)

    model = Modal(3, 1).eval()
    train(model, load_rows, 10, PLAN)
    assert modes == [True] * N_STEPS and not model.training


def test_the_mask_of_observed_cells_reaches_the_model():
    masks = []

    class Masked(Line):
        def loss(self, values, observed, *rest):
            masks.append(observed)
            return super().loss(values, observed, *rest)

    observed = ROWS > 0
    train(Masked(3, 1), lambda rows: Features(ROWS[rows], observed[rows]), 10, Plan(1, 10, 0.05, 0))
    assert torch.equal(masks[0].sum(0), torch.tensor(observed.sum(0)))


def test_pictures_lie_channels_last_in_single_precision():
    values, observed = to_tensors(load_pictures(np.arange(4)), "cpu")
    assert values.is_contiguous(memory_format=torch.channels_last)
    assert values.dtype == torch.float32 and observed is None
    assert torch.equal(values, torch.tensor(PICTURES[:4], dtype=torch.float32))


def test_the_state_on_disk_is_plain_json_and_tensors(tmp_path):
    with pytest.raises(Interrupted):
        train(line(), load_rows, 10, PLAN, Checkpoint(tmp_path / "c", "run"), stop=after(4))
    assert {file.name for file in (tmp_path / "c").iterdir()} == {"manifest.json", "weights.safetensors"}
    progress = json.loads((tmp_path / "c" / "manifest.json").read_text())["progress"]
    assert (progress["epoch"], progress["step"], len(progress["history"]["loss"])) == (1, 1, 1)


def test_no_batch_has_a_single_sample():
    assert [len(batch) for batch in epoch_batches(5, batch_size=1, seed=0, epoch=0)] == [3, 2]
    assert [len(batch) for batch in epoch_batches(5, batch_size=2, seed=0, epoch=0)] == [3, 2]


def test_the_one_cycle_rate_rises_for_a_fifth_of_the_steps_and_then_falls_to_zero():
    assert [one_cycle(done) for done in (0.0, 0.1, 0.2, 0.6, 1.0)] == pytest.approx([0, 0.5, 1, 0.5, 0])


@pytest.mark.parametrize("n_steps", [1, 4])
def test_a_run_by_momentum_interrupted_and_resumed_ends_like_one_that_was_not(tmp_path, n_steps):
    plan = Plan(3, 4, 0.05, 0, optimizer="muon", schedule="one-cycle", weight_decay=0.1)
    whole, resumed = line(), line()
    history = train(whole, load_rows, 10, plan)
    with pytest.raises(Interrupted):
        train(line(), load_rows, 10, plan, Checkpoint(tmp_path / "c", "run"), stop=after(n_steps))
    assert train(resumed, load_rows, 10, plan, Checkpoint(tmp_path / "c", "run")) == history
    assert same(resumed.state_dict(), whole.state_dict())


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_weight_decay_makes_weights_smaller(optimizer):
    norms = []
    for decay in (0.0, 1.0):
        model = line()
        train(model, load_rows, 10, Plan(20, 10, 0.05, 0, optimizer=optimizer, weight_decay=decay))
        norms.append(model.weight.norm().item())
    assert norms[1] < norms[0]


def test_labels_follow_the_samples_to_the_model():
    seen = []

    class Labelled(Line):
        def loss(self, values, observed, epoch, n_epochs, generator, half_precision, labels):
            seen.append((values[:, 0], labels))
            return super().loss(values, observed, epoch, n_epochs, generator)

    data = Features(ROWS, labels=np.arange(10))
    train(Labelled(3, 1), lambda rows: data[rows], 10, Plan(1, 4, 0.05, 0))
    for first_column, labels in seen:
        assert torch.equal(first_column, torch.tensor(ROWS[labels, 0], dtype=torch.float32))
    assert sorted(torch.cat([labels for _, labels in seen]).tolist()) == list(range(10))


@pytest.mark.parametrize("ahead", [False, True])
def test_batches_are_loaded_in_their_order_and_ahead_only_where_asked(ahead):
    begun = [threading.Event() for _ in range(4)]

    def load(rows):
        begun[rows[0]].set()
        return Features(rows[:, None].astype(float))

    used = []
    for features in loaded(load, [np.array([step]) for step in range(4)], ahead):
        used.append(int(features.values[0, 0]))
        if used[-1] < 3:
            assert begun[used[-1] + 1].wait(5 if ahead else 0) == ahead
    assert used == [0, 1, 2, 3]


def test_a_batch_that_cannot_be_loaded_ahead_is_an_error_where_it_is_used():
    def load(rows):
        if rows[0] == 1:
            raise ModelError("gone")
        return Features(np.zeros((1, 1)))

    coming = loaded(load, [np.array([0]), np.array([1])], ahead=True)
    next(coming)
    with pytest.raises(ModelError, match="gone"):
        next(coming)
