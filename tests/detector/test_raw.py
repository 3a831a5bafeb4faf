import numpy as np
import pyarrow as pa
import pytest

from poleward.data.source import Batch
from poleward.detector import raw as raw_file
from poleward.detector import samples as samples_file
from poleward.detector.detector import Detector
from poleward.detector.fitting import Run, fit_model
from poleward.detector.raw import MOST_ROWS, Held, Spooled, Streamed, gathered
from poleward.detector.shares import MOST_CALIBRATED, Shares
from poleward.errors import Interrupted, SchemaError, SourceError
from poleward.scoring.approximate import APPROXIMATE_FROM

MOST = 60
"""Rows held in memory in these tests."""


@pytest.fixture(autouse=True)
def small_memory(monkeypatch):
    monkeypatch.setattr(raw_file, "MOST_ROWS", MOST)
    monkeypatch.setattr(samples_file, "MOST_ROWS", MOST)
    monkeypatch.setattr(Streamed, "most", MOST)


class Given:
    """A source of samples in memory, which knows or does not know how many there are; it counts its passes."""

    skipped = ()

    def __init__(self, data, knows=True):
        self.kind = "table" if isinstance(data, pa.Table) else "images"
        self.data, self.knows, self.passes = data, knows, 0

    def count(self):
        return len(self.data) if self.knows else None

    def batches(self, size):
        self.passes += 1
        for start in range(0, len(self.data), 25):
            piece = self.data.slice(start, 25) if self.kind == "table" else self.data[start : start + 25]
            yield Batch([str(row) for row in range(start, start + len(piece))], piece)


def table(n, missing=False):
    rng = np.random.default_rng(0)
    a = pa.array(rng.normal(size=n), mask=(np.arange(n) % 50 == 30) if missing else None)
    return pa.table({"a": a, "b": rng.normal(size=n), "colour": rng.choice(["red", "green"], n)})


def images(n):
    return np.random.default_rng(0).integers(0, 256, (n, 6, 5, 2)).astype(np.uint8)


def quiet(done, total):
    pass


def detector(**changes):
    return Detector(**({"scorer": "input-knn", "epochs": 2, "n_latent": 3, "random_state": 0} | changes))


@pytest.mark.parametrize("knows", [True, False])
def test_few_rows_are_held_and_many_stay_where_they_lie(knows):
    few, many = gathered(Given(table(MOST), knows), quiet), gathered(Given(table(MOST + 1), knows), quiet)
    assert isinstance(few, Held)
    assert few.data.equals(table(MOST))
    assert isinstance(many, Streamed)
    assert len(many) == MOST + 1
    rows = np.array([0, 24, 25, 60])
    assert many.take(rows).equals(table(MOST + 1).take(pa.array(rows)))


def test_few_images_are_held_and_many_go_to_a_file():
    few, many = gathered(Given(images(MOST)), quiet), gathered(Given(images(MOST + 1)), quiet)
    assert isinstance(few, Held)
    assert np.array_equal(few.data, images(MOST))
    assert isinstance(many, Spooled)
    assert np.array_equal(np.concatenate(list(many.pieces())), images(MOST + 1))


def test_a_source_that_changes_between_two_passes_is_an_error():
    source = Given(table(MOST + 5))
    raw = gathered(source, quiet)
    source.data = table(MOST + 4)
    with pytest.raises(SourceError, match="had 65 rows and now has 64"):
        list(raw.pieces())


@pytest.mark.parametrize("missing", [False, True])
def test_rows_from_the_disc_train_the_network_that_rows_in_memory_train(missing, monkeypatch):
    data = table(200, missing)
    monkeypatch.setattr(raw_file, "MOST_ROWS", 1000)  # the preparation learns from all rows either way
    monkeypatch.setattr(Streamed, "most", 1000)
    held = fit_model("table", data, detector().settings(), 0)
    monkeypatch.setattr(samples_file, "MOST_ROWS", 0)
    streamed = fit_model("table", Streamed(200, lambda: iter([data.slice(0, 90), data.slice(90)])), held.settings, 0)
    assert streamed.history == held.history
    assert streamed.facts == held.facts
    assert np.array_equal(streamed.scores(data), held.scores(data))


@pytest.mark.parametrize("make", [table, images])
def test_a_scorer_keeps_no_more_samples_than_are_held(make):
    data = make(300)
    model = detector().fit_raw(gathered(Given(data), quiet)).model_
    facts = model.facts
    assert (facts["n_samples"], facts["n_trained"], facts["n_kept"], facts["n_calibration"]) == (300, 255, MOST, 45)
    assert len(model.ranker.scorer.index) == len(model.ranker.trained_prints) == MOST
    assert len(model.seen_prints) == 255 - MOST


def test_every_sample_that_was_given_to_fit_is_known_again(tmp_path):
    detector().fit_raw(gathered(Given(table(300)), quiet)).save(tmp_path / "m")
    loaded = Detector.load(tmp_path / "m")
    assert loaded.rank(table(300)).in_training.all()
    fresh = pa.table({"a": [0.123], "b": [0.456], "colour": ["red"]})
    assert not loaded.rank(fresh).in_training.any()


def test_recalibration_leaves_out_what_the_network_has_seen_though_the_scorer_does_not_keep_it():
    fitted = detector().fit_raw(gathered(Given(table(300)), quiet))
    assert fitted.recalibrate(table(300)).model_.facts["n_trained_on"] == 255


def test_the_nearest_samples_of_an_explanation_are_rows_of_the_source():
    data = table(300)
    fitted = detector(n_neighbors=1).fit_raw(gathered(Given(data), quiet))
    row = fitted.explain(data.slice(0, 5)).nearest[:, 0]
    kept = Shares.of(300, 0.15, MOST, 0).reference
    assert np.isin(row, kept).all()
    distances = fitted.explain(data.take(pa.array(row))).distances[:, 0]
    assert (distances > 0).all()  # each is in the index, so it is not its own neighbour


def test_an_interrupted_fit_from_the_disc_resumes_to_the_same_weights(tmp_path):
    source, asked = Given(table(300)), iter([False] * 3 + [True])
    with pytest.raises(Interrupted):
        detector().fit_raw(gathered(source, quiet), Run(tmp_path / "c", stop=lambda: next(asked)))
    resumed = detector().fit_raw(gathered(source, quiet), Run(tmp_path / "c", resume=True))
    whole = detector().fit_raw(gathered(source, quiet))
    assert np.array_equal(resumed.score_samples(table(300)), whole.score_samples(table(300)))


def test_a_cell_that_cannot_be_read_says_where_its_piece_begins():
    texts = [f"{value}" for value in range(200)]
    data = pa.table({"a": texts, "b": [f"{value % 7}" for value in range(200)]})
    chosen = set(Shares.of(200, 0.15, MOST, 0).reference.tolist())
    row = next(row for row in range(150, 175) if row not in chosen)
    texts[row] = "abc"
    data = data.set_column(0, "a", [texts])
    with pytest.raises(SchemaError, match=rf"from sample 151 on, column 'a', row {row - 149}: 'abc' found"):
        detector().fit_raw(gathered(Given(data), quiet))


def test_calibration_is_bounded_only_where_samples_are_many():
    assert len(Shares.of(1_000_000, 0.15, 100_000, 0).kept_aside) == MOST_CALIBRATED
    assert len(Shares.of(100_000, 0.9, 100_000, 0).kept_aside) == 90_000
    shares = Shares.of(1000, 0.15, 200, 0)
    assert len(shares.reference) == 200
    assert np.isin(shares.reference, shares.trained).all()
    assert sorted([*shares.trained, *shares.kept_aside]) == list(range(1000))


@pytest.mark.parametrize("n_rows", [MOST_ROWS, 10 * MOST_ROWS])
def test_a_detector_keeps_enough_of_many_rows_for_approximate_neighbours(n_rows):
    assert len(Shares.of(n_rows, calibration_share=0.15, most=MOST_ROWS, seed=0).reference) >= APPROXIMATE_FROM
