import pytest
import torch

from poleward.errors import ModelError
from poleward.training.checkpoint import Checkpoint


def run(seed=0, n_steps=3):
    """A model, its optimizer and a generator in the midst of a training run."""
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, fused=True)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_steps):
        step(model, optimizer, generator)
    return model, optimizer, generator


def step(model, optimizer, generator):
    optimizer.zero_grad()
    model(torch.randn(2, 3, 5, 5, generator=generator)).square().sum().backward()
    optimizer.step()


def state(model, optimizer, generator):
    moments = optimizer.state_dict()["state"]
    named = {(index, name): moment for index, one in moments.items() for name, moment in one.items()}
    return {**model.state_dict(), **named, "generator": generator.get_state()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_restored_run_is_the_saved_one(tmp_path):
    saved, restored = run(), run(seed=5, n_steps=0)
    Checkpoint(tmp_path / "c", "run").save(*saved, {"epoch": 2, "history": {"loss": [0.1, 1 / 3]}})
    progress = Checkpoint(tmp_path / "c", "run").restore(*restored)
    assert progress == {"epoch": 2, "history": {"loss": [0.1, 1 / 3]}}
    assert same(state(*restored), state(*saved))


def test_the_next_step_after_restoring_is_the_same(tmp_path):
    saved, restored = run(), run(seed=5, n_steps=1)
    Checkpoint(tmp_path / "c", "run").save(*saved, {})
    Checkpoint(tmp_path / "c", "run").restore(*restored)
    step(*saved)
    step(*restored)
    assert same(state(*restored), state(*saved))


def test_a_later_state_replaces_an_earlier_one(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c", "run")
    assert not checkpoint.exists()
    checkpoint.save(*run(), {"epoch": 1})
    checkpoint.save(*run(), {"epoch": 2})
    assert checkpoint.exists()
    assert checkpoint.restore(*run()) == {"epoch": 2}
    assert [entry.name for entry in tmp_path.iterdir()] == ["c"]


def test_a_state_of_another_run_is_refused_and_named(tmp_path):
    Checkpoint(tmp_path / "c", "one").save(*run(), {})
    with pytest.raises(ModelError, match=r"c: this checkpoint belongs to a run on other data or with other settings"):
        Checkpoint(tmp_path / "c", "other").restore(*run())


def test_a_damaged_state_is_refused(tmp_path):
    Checkpoint(tmp_path / "c", "run").save(*run(), {})
    weights = tmp_path / "c" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="truncated"):
        Checkpoint(tmp_path / "c", "run").restore(*run())


def test_a_state_is_due_only_some_seconds_after_the_last_one(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path / "c", "run")
    due = [checkpoint.due()]
    now[0] += 16
    due.append(checkpoint.due())
    checkpoint.save(*run(), {})
    due.append(checkpoint.due())
    assert due == [False, True, False]


def test_a_forgotten_state_is_gone_and_forgetting_twice_does_no_harm(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c", "run")
    checkpoint.save(*run(), {})
    checkpoint.remove()
    checkpoint.remove()
    assert not checkpoint.exists()


def test_forgetting_leaves_a_folder_of_something_else(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "manifest.json").write_text("{}")
    (tmp_path / "c" / "thesis.tex").write_text("years of work")
    Checkpoint(tmp_path / "c", "run").remove()
    assert (tmp_path / "c" / "thesis.tex").exists()
