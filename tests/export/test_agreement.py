from dataclasses import replace

import numpy as np
import pytest

from poleward.detector.construction import scorer_for
from poleward.detector.encoding import CHUNK
from poleward.detector.graph import OUTPUTS, Graph
from poleward.detector.rows import prepared_runs
from poleward.errors import OutputError
from poleward.export import exporting
from poleward.export.agreement import agreement, made_samples
from poleward.scoring.catalogue import IMAGE_VIEWS, SCORERS


class Shifted(Graph):
    """What a network computes, moved by a little."""

    def __init__(self, inner, by):
        self.inner, self.by, self.n_latent = inner, by, inner.n_latent

    def fields(self, features, wanted):
        return {name: array + self.by for name, array in self.inner.fields(features, wanted).items()}


@pytest.fixture
def graph(each):
    content = (each.folder / "network.onnx").read_bytes()
    return Graph(content, 4, rows=each.detector.model_.kind == "table")


@pytest.mark.parametrize("name", SCORERS)
def test_every_scorer_says_the_same_of_either_network(each, graph, name):
    model = each.detector.model_
    if name in IMAGE_VIEWS and model.kind == "table":
        pytest.skip("this scorer is for images")
    scorer = scorer_for(model.preparation, replace(model.settings, scorer=name), model.ranker.autoencoder.objective, 0)
    (features,) = prepared_runs(model.preparation, each.detector._samples(each.new)[1])
    learned = scorer.learns | scorer.needs
    scorer.fit(model.ranker.encode(features.__getitem__, len(features), learned))
    other = replace(model, ranker=replace(model.ranker, scorer=scorer, trained_prints=np.empty(0, np.uint64)))
    found = agreement(other, graph, made_samples(model, seed=3))
    assert 0 <= found.farthest <= 1e-5
    assert np.ptp(found.scores) > 0


def test_networks_that_differ_too_much_are_refused(each, graph):
    with pytest.raises(OutputError, match=r"reference sample \d+ has .* nothing was written"):
        agreement(each.detector.model_, Shifted(graph, 0.01), made_samples(each.detector.model_))


def test_what_does_not_agree_is_not_written(rows, tmp_path, monkeypatch):
    content = (rows.folder / "network.onnx").read_bytes()
    monkeypatch.setattr(exporting, "as_onnx", lambda *given: content)
    monkeypatch.setattr(exporting, "Graph", lambda *given, **more: Shifted(Graph(*given, **more), np.nan))
    with pytest.raises(OutputError, match="nan"):
        exporting.export(rows.detector, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_made_samples_fill_whole_chunks_with_ordinary_and_odd_ones(each):
    model = each.detector.model_
    features = made_samples(model)
    assert len(features) == 2 * CHUNK[model.kind]
    assert (features.observed is not None) == model.preparation.has_missing
    scores = model.ranker.scores(features)
    assert np.median(scores[1::2]) > np.median(scores[::2])


def test_the_graph_s_outputs_are_the_network_s_fields(each, graph):
    model = each.detector.model_
    features = made_samples(model)[np.arange(CHUNK[model.kind])]
    found = graph.fields(features, frozenset(OUTPUTS))
    expected = model.ranker.encode(features.__getitem__, len(features), frozenset(OUTPUTS))
    for name, array in found.items():
        np.testing.assert_allclose(array.reshape(len(features), -1), getattr(expected, name), rtol=1e-4, atol=1e-5)
