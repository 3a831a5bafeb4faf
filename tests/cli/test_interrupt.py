import itertools
import os
import pty
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from poleward.cli import fit as fit_file
from poleward.cli import score as score_file
from poleward.data.rankings import read_ranking
from poleward.detector.model import Model

TRAIN = ("--n-latent", "3", "--epochs", "4", "--batch-size", "10")

INTERRUPTED_AT_STEP_5 = """
import os, signal
from contextlib import contextmanager
from poleward.cli import fit
from poleward.cli.app import main

@contextmanager
def progress(what):
    yield lambda done, total, what=None: os.kill(os.getpid(), signal.SIGINT) if done == 5 else None

fit.progress = progress
main()
"""


def weights(folder):
    return (folder / "weights.safetensors").read_bytes()


def test_control_c_leaves_a_checkpoint_and_resuming_ends_with_the_same_weights(poleward, sources, here):
    words = ["fit", sources / "images", *TRAIN]
    command = [sys.executable, "-c", INTERRUPTED_AT_STEP_5, *words, "--out", "m"]
    stopped = subprocess.run(command, capture_output=True, text=True)
    assert stopped.returncode == 130
    assert stopped.stdout == ""
    assert stopped.stderr == "poleward: stopped in epoch 2; the state lies in m.checkpoint, go on with --resume\n"
    assert here() == ["m.checkpoint"]
    assert poleward(*words, "--out", "m", "--resume").code == 0
    assert here() == ["m"]
    assert poleward(*words, "--out", "whole").code == 0
    assert weights(here / "m") == weights(here / "whole")


def test_control_c_from_a_terminal_stops_a_long_training(sources, here):
    running, main = in_terminal(*FIT_IN_TERMINAL, "100000", sources / "table.csv")
    seen = b""
    while b"/100000" not in seen:
        seen += os.read(main, 4096)
    running.send_signal(signal.SIGINT)
    said = everything(main)
    assert running.wait() == 130
    assert b"poleward: stopped in epoch" in said
    assert here() == ["m.checkpoint"]


def test_a_terminal_shows_what_a_fit_is_doing(sources, here):
    running, main = in_terminal(*FIT_IN_TERMINAL, "2", sources / "table.csv")
    said = everything(main)
    assert running.wait() == 0
    for phase in (b"reading", b"preparing", b"training", b"indexing", b"calibrating"):
        assert phase in said


FIT_IN_TERMINAL = ("fit", "--out", "m", "--exclude", "name,odd", "--epochs")


def in_terminal(*words):
    """A command whose standard error is a terminal, and the other end of that."""
    main, terminal = pty.openpty()
    program = [sys.executable, "-c", "from poleward.cli.app import main; main()", *words]
    running = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=terminal)
    os.close(terminal)
    return running, main


def everything(descriptor):
    """All that a terminal still gets; it ends in an error when the program at its other end is gone."""
    parts = []
    try:
        while part := os.read(descriptor, 4096):
            parts.append(part)
    except OSError:
        pass
    os.close(descriptor)
    return b"".join(parts)


def stopping_after(n_steps):
    @contextmanager
    def stop_on_interrupt():
        steps = itertools.count()
        yield lambda: next(steps) >= n_steps

    return stop_on_interrupt


def test_a_training_stopped_many_times_ends_with_the_same_weights(poleward, sources, here, monkeypatch):
    words = ["fit", sources / "table.csv", "--exclude", "name,odd", *TRAIN]
    codes = []
    with monkeypatch.context() as impatient:
        impatient.setattr(fit_file, "stop_on_interrupt", stopping_after(15))
        while not codes or codes[-1] == 130:
            codes.append(poleward(*words, "--out", "m", "--resume").code)
    assert codes == [130, 130, 0]  # 44 steps, 15 at a time
    poleward(*words, "--out", "whole")
    assert weights(here / "m") == weights(here / "whole")
    assert here() == ["m", "whole"]


def test_a_checkpoint_of_another_run_is_refused(poleward, refused, sources, here, monkeypatch):
    words = ["fit", sources / "images", *TRAIN, "--out", "m"]
    with monkeypatch.context() as impatient:
        impatient.setattr(fit_file, "stop_on_interrupt", stopping_after(5))
        assert poleward(*words).code == 130
    for other in (["--objective", "vmf"], ["--seed", "1"], ["--limit", "20"]):
        line = refused(*words, *other, "--resume")
        assert "m.checkpoint: this checkpoint belongs to a run on other data or with other settings" in line
    assert here() == ["m.checkpoint"]


def test_a_new_run_does_not_go_on_from_an_old_checkpoint(poleward, sources, here, monkeypatch):
    words = ["fit", sources / "images", *TRAIN]
    with monkeypatch.context() as impatient:
        impatient.setattr(fit_file, "stop_on_interrupt", stopping_after(5))
        poleward(*words, "--out", "m", "--seed", 1)
    assert poleward(*words, "--out", "m").code == 0
    assert here() == ["m"]


def test_resuming_without_a_checkpoint_starts_at_the_start(poleward, sources, here):
    assert poleward("fit", sources / "images", *TRAIN, "--out", "m", "--resume").code == 0


def test_an_interrupted_ranking_leaves_nothing(poleward, sources, models, here, monkeypatch):
    def rank(*words):
        raise KeyboardInterrupt

    monkeypatch.setattr(Model, "rank", rank)
    for words in (["score", "--out", "s.csv"], ["score", "--out", "s.parquet"], ["report", "--out", "r.html"]):
        done = poleward(words[0], models / "images", sources / "images", *words[1:])
        assert (done.code, done.out) == (130, "")
        assert here() == []


def test_an_interrupted_ranking_leaves_the_old_one(poleward, sources, models, here, monkeypatch):
    poleward("score", models / "images", sources / "images", "--out", "s.csv", "--limit", 3)

    def rank(*words):
        raise KeyboardInterrupt

    monkeypatch.setattr(Model, "rank", rank)
    assert poleward("score", models / "images", sources / "images", "--out", "s.csv").code == 130
    assert len(read_ranking("s.csv").id) == 3


ENDED_AT_BATCH_3 = """
import os, signal, sys
from poleward.cli import score
from poleward.cli.app import main
from poleward.detector.model import Model

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
rank, n = Model.rank, 0

def ending(*given):
    global n
    n += 1
    if n == 3:
        os.kill(os.getpid(), int(os.environ["ENDED_BY"]))
    return rank(*given)

Model.rank = ending
score.ROWS_AT_A_TIME = {"images": 8, "table": 20}
main()
"""


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(score_file, "ROWS_AT_A_TIME", {"images": 8, "table": 20})


def ended(by, *words):
    """A command that gets a signal while it ranks its third batch."""
    program = [sys.executable, "-c", ENDED_AT_BATCH_3, *map(str, words)]
    return subprocess.run(program, env=os.environ | {"ENDED_BY": str(int(by))}, capture_output=True, text=True)


@pytest.fixture
def interrupted(poleward, monkeypatch, small_batches):
    """Run a command that Ctrl-C stops while it ranks its third batch."""

    def run(*words):
        rank, calls = Model.rank, itertools.count(1)

        def ending(*given):
            if next(calls) == 3:
                raise KeyboardInterrupt
            return rank(*given)

        with monkeypatch.context() as impatient:
            impatient.setattr(Model, "rank", ending)
            assert poleward(*words).code == 130

    return run


@pytest.mark.parametrize(
    ("kind", "source", "out", "n_before", "more"),
    [
        ("images", "images", "s.csv", 16, ()),
        ("table", "table.csv", "s.parquet", 40, ("--id-column", "name", "--fdr", "0.2")),
    ],
)
def test_a_killed_ranking_resumed_ends_with_the_same_bits(
    poleward, sources, models, here, small_batches, kind, source, out, n_before, more
):
    words = ["score", models / kind, sources / source, *more]
    poleward(*words, "--out", f"whole_{out}")
    assert ended(signal.SIGKILL, *words, "--out", out).returncode == -signal.SIGKILL
    assert f".{out}.unfinished" in here()
    done = poleward(*words, "--out", out, "--resume")
    assert done.out.startswith(f"{n_before} samples were ranked before\n")
    assert here() == sorted([out, f"whole_{out}"])
    assert (here / out).read_bytes() == (here / f"whole_{out}").read_bytes()


def test_control_c_says_how_to_go_on(sources, models, here):
    stopped = ended(signal.SIGINT, "score", models / "images", sources / "images", "--out", "s.csv")
    assert (stopped.returncode, stopped.stdout) == (130, "")
    assert stopped.stderr == "poleward: stopped; 16 samples are ranked, go on from there with --resume\n"
    assert here() == [".s.csv.unfinished"]


def test_what_was_ranked_of_other_samples_or_by_another_model_is_ranked_anew(
    poleward, interrupted, sources, models, here
):
    shutil.copyfile(sources / "table.csv", "t.csv")
    interrupted("score", models / "table", "t.csv", "--out", "s.csv")
    with (here / "t.csv").open() as file:
        header, first, *rest = file
    (here / "t.csv").write_text("".join([header, first.replace(",red,", ",green,"), *rest, rest[0]]))
    done = poleward("score", models / "table", "t.csv", "--out", "s.csv", "--resume")
    assert done.out.startswith("20 samples were ranked before\n121 samples ranked")
    poleward("score", models / "table", "t.csv", "--out", "whole.csv")
    assert (here / "s.csv").read_bytes() == (here / "whole.csv").read_bytes()
    interrupted("score", models / "table", "t.csv", "--out", "s.csv")
    done = poleward("score", models / "table", "t.csv", "--out", "s.csv", "--resume", "--alpha", "0.2")
    assert done.out.startswith("0 samples were ranked before\n")


def test_a_new_ranking_does_not_go_on_from_an_old_one(poleward, interrupted, sources, models, here):
    words = ["score", models / "images", sources / "images", "--out", "s.csv"]
    interrupted(*words)
    assert here() == [".s.csv.unfinished"]
    assert poleward(*words).code == 0
    assert here() == ["s.csv"]


def test_a_damaged_image_far_on_does_not_cost_what_was_ranked(
    poleward, refused, models, here, write_images, small_batches
):
    write_images(here / "images")
    whole = (here / "images" / "30.png").read_bytes()
    (here / "images" / "30.png").write_bytes(whole[:50])
    words = ["score", models / "images", here / "images", "--out", "s.csv"]
    assert refused(*words).endswith("; 24 samples are ranked, go on from there with --resume\n")
    (here / "images" / "30.png").write_bytes(whole)
    assert poleward(*words, "--resume").out.startswith("24 samples were ranked before\n40 samples ranked")


def test_the_signal_is_given_back_after_training(poleward, sources, here):
    before = signal.getsignal(signal.SIGINT)
    poleward("fit", sources / "images", *TRAIN, "--out", "m")
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_control_c_stops_at_once():
    from poleward.cli.terminal import stop_on_interrupt

    with stop_on_interrupt() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
