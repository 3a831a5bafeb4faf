from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poleward.errors import SettingError, SourceError
from poleward.metrics.ranking import (
    auroc,
    average_precision,
    evaluate,
    fpr95,
    fpr95_ood_positive,
    precision_at,
)

MEASURES = [auroc, average_precision, fpr95, fpr95_ood_positive]


@st.composite
def judged_scores(draw):
    normal = draw(st.lists(st.integers(-5, 5), min_size=1, max_size=30))
    anomalous = draw(st.lists(st.integers(-5, 5), min_size=1, max_size=30))
    truth = np.repeat([False, True], [len(normal), len(anomalous)])
    return truth, np.array(normal + anomalous, dtype=np.float64)


def test_the_published_scores_have_the_published_figures_under_their_right_names(shared):
    with np.load(shared("reference/published_cifar10_vs_cifar100_scores.npz")) as published:
        truth, score = published["labels"] == 1, published["scores"]  # 1 is CIFAR-100, far is anomalous
    assert auroc(truth, score) == pytest.approx(0.8954305, abs=5e-8)
    assert fpr95_ood_positive(truth, score) == pytest.approx(0.2323, abs=5e-5)
    assert fpr95(truth, score) == pytest.approx(0.7621, abs=5e-5)


@given(judged_scores())
def test_auroc_is_the_share_of_pairs_in_order(judged):
    truth, score = judged
    pairs = np.sign(score[truth][:, None] - score[~truth])
    assert auroc(truth, score) == pytest.approx((pairs.mean() + 1) / 2)


@given(judged_scores())
def test_fpr95_lies_between_the_thresholds_on_both_sides_of_95_percent(judged):
    truth, score = judged
    accepted = [(0.0, 0.0), *((np.mean(score[~truth] <= t), np.mean(score[truth] <= t)) for t in score)]
    stricter = max(bad for good, bad in accepted if good <= 0.95)
    laxer = min(bad for good, bad in accepted if good > 0.95)
    assert stricter - 1e-12 <= fpr95(truth, score) <= laxer + 1e-12


def test_a_score_that_says_nothing_accepts_as_many_anomalies_as_normals():
    truth = np.repeat([False, True], [10, 10])
    assert fpr95(truth, np.zeros(20)) == pytest.approx(0.95)


@given(judged_scores())
def test_the_two_fpr95_exchange_when_the_kinds_do(judged):
    truth, score = judged
    assert fpr95_ood_positive(truth, score) == fpr95(~truth, -score)


def test_where_95_percent_of_the_normals_pass_all_anomalies_below_the_next_normal_pass():
    truth = np.repeat([False, True], [100, 2])
    score = np.concatenate([np.arange(1.0, 101.0), [95.5, 96.5]])  # 95 normals lie at or below 95, the next at 96
    assert fpr95(truth, score) == 0.5


def test_the_two_fpr95_differ():
    truth = np.array([False] * 20 + [True] * 20)
    score = np.concatenate([np.arange(20.0), np.arange(20.0) + 19.5])
    assert fpr95(truth, score) == pytest.approx(0.0)
    assert fpr95_ood_positive(truth, score) == pytest.approx(0.0)
    score[20:24] = -1.0
    assert fpr95(truth, score) == pytest.approx(0.2)
    assert fpr95_ood_positive(truth, score) == 1.0


def test_a_perfect_ranking_leaves_nothing_to_wish_for():
    truth = np.array([False, True, False, True])
    score = truth.astype(np.float64)
    assert [measure(truth, score) for measure in MEASURES] == [1.0, 1.0, 0.0, 0.0]


@given(judged_scores(), st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(judged, random):
    truth, score = judged
    order = np.array(random.sample(range(len(score)), len(score)))
    assert evaluate(truth[order], score[order], first=(1, 3)) == evaluate(truth, score, first=(1, 3))


@given(judged_scores())
def test_only_the_order_of_the_scores_matters(judged):
    truth, score = judged
    assert evaluate(truth, np.exp(score)) == evaluate(truth, score)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_a_tied_precision_is_the_mean_over_the_orders_of_the_tied(n):
    truth, score = np.array([True, False, True, True, False]), np.array([3.0, 2.0, 2.0, 2.0, 1.0])
    orders = [truth[[0, *middle, 4]] for middle in permutations([1, 2, 3])]
    assert precision_at(truth, score, n) == pytest.approx(np.mean([order[:n].mean() for order in orders]))


@pytest.mark.parametrize("n", [0, -1, 3])
def test_precision_among_more_samples_than_there_are_is_refused(n):
    with pytest.raises(SettingError, match=f"among 1 to 2 samples, as many as were scored; found {n}"):
        precision_at(np.array([True, False]), np.array([1.0, 0.0]), n)


def test_an_evaluation_holds_every_figure():
    truth = np.array([False, False, True, False, True])
    score = np.array([0.1, 0.4, 0.3, 0.2, 0.9])
    evaluation = evaluate(truth, score, first=(1, 2, 100))
    assert (evaluation.n_normal, evaluation.n_anomalous) == (3, 2)
    assert evaluation.auroc == auroc(truth, score)
    assert evaluation.average_precision == average_precision(truth, score)
    assert evaluation.fpr95 == fpr95(truth, score)
    assert evaluation.fpr95_ood_positive == fpr95_ood_positive(truth, score)
    assert evaluation.precision_at == {1: 1.0, 2: 0.5}


@pytest.mark.parametrize("measure", [*MEASURES, evaluate])
@pytest.mark.parametrize(("kind", "name"), [(False, "normals"), (True, "anomalies")])
def test_samples_of_one_kind_are_refused(measure, kind, name):
    with pytest.raises(SourceError, match=f"found only {name} among 3 samples"):
        measure(np.full(3, kind), np.arange(3.0))


@pytest.mark.parametrize("measure", [*MEASURES, evaluate])
def test_a_score_that_is_not_a_number_is_refused(measure):
    with pytest.raises(SourceError, match="found nan"):
        measure(np.array([True, False]), np.array([1.0, np.nan]))


def test_a_label_without_a_score_is_refused():
    with pytest.raises(SourceError, match=r"found scores \(2,\) and labels \(3,\)"):
        auroc(np.array([True, False, True]), np.array([1.0, 2.0]))


def test_no_samples_at_all_are_refused():
    with pytest.raises(SourceError, match="among 0 samples"):
        auroc(np.zeros(0, dtype=bool), np.zeros(0))
