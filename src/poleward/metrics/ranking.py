"""How well a score ranks known anomalies above known normals; higher scores are more anomalous.

``is_anomaly`` : (n,) bool with at least one of each kind; ``score`` : (n,) finite. Anything else raises
``SourceError``. Every figure depends only on the order of the scores, and samples that tie are treated alike: none
depends on the order in which the samples come.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from poleward.errors import SettingError, SourceError
from poleward.records import Evaluation

Truth = NDArray[np.bool_]
Scores = NDArray[np.float64]

ACCEPTED = 0.95
"""The share of the positive class that the two FPR95 figures fix."""


def auroc(is_anomaly: Truth, score: Scores) -> float:
    """Area under the receiver operating characteristic.

    ``P(score of an anomaly > score of a normal)``, ties counted one half

    >>> auroc(np.array([False, False, True, True]), np.array([1.0, 3.0, 2.0, 4.0]))  # 3 of 4 pairs in order
    0.75
    """
    _checked(is_anomaly, score)
    return float(roc_auc_score(is_anomaly, score))


def average_precision(is_anomaly: Truth, score: Scores) -> float:
    """Area under the precision-recall curve, as a sum of steps.

    ``sum_t (recall_t - recall_(t-1)) precision_t`` over the distinct scores t, from the highest

    >>> average_precision(np.array([True, False, True, False]), np.array([4.0, 3.0, 2.0, 1.0]))  # (1/1 + 2/3) / 2
    0.8333333333333333
    """
    _checked(is_anomaly, score)
    return float(average_precision_score(is_anomaly, score))


def fpr95(is_anomaly: Truth, score: Scores) -> float:
    """Share of the anomalies accepted at the threshold that accepts 95 % of the normals (normal is positive).

    The false positive rate at a true positive rate of 0.95 on the ROC curve, interpolated between its points, as in
    the published evaluations.

    >>> fpr95(np.array([False, False, True, True]), np.array([1.0, 3.0, 2.0, 4.0]))  # accepting 3.0 accepts 2.0
    0.5
    """
    _checked(is_anomaly, score)
    return _false_positive_rate(~is_anomaly, -score)


def fpr95_ood_positive(is_anomaly: Truth, score: Scores) -> float:
    """Share of the normals flagged at the threshold that flags 95 % of the anomalies (anomaly is positive).

    As `fpr95`, with the two kinds exchanged.

    >>> fpr95_ood_positive(np.array([False, False, False, True]), np.array([1.0, 3.0, 4.0, 2.0]))
    0.6666666666666666
    """
    _checked(is_anomaly, score)
    return _false_positive_rate(is_anomaly, score)


def precision_at(is_anomaly: Truth, score: Scores, n: int) -> float:
    """Share of anomalies among the n highest scores.

    Where the n-th place is tied, this is the mean over every order of the tied samples.

    n : 1 up to the number of samples

    >>> precision_at(np.array([True, False, True, False]), np.array([9.0, 5.0, 5.0, 1.0]), 2)  # 1 + half of a tie
    0.75
    """
    _checked(is_anomaly, score)
    if not 1 <= n <= len(score):
        raise SettingError(f"precision is taken among 1 to {len(score)} samples, as many as were scored; found {n}")
    last = np.sort(score)[-n]
    above, tied = score > last, score == last
    found = is_anomaly[above].sum() + (n - above.sum()) * is_anomaly[tied].mean()
    return float(found / n)


def evaluate(is_anomaly: Truth, score: Scores, first: Sequence[int] = (100,)) -> Evaluation:
    """Every figure of this file at once.

    first : for each, the precision among so many highest scores; more than there are samples is left out

    >>> evaluate(np.array([False, True]), np.array([0.0, 1.0]), first=(1, 100)).precision_at
    {1: 1.0}
    """
    _checked(is_anomaly, score)
    return Evaluation(
        n_normal=int((~is_anomaly).sum()),
        n_anomalous=int(is_anomaly.sum()),
        auroc=auroc(is_anomaly, score),
        average_precision=average_precision(is_anomaly, score),
        fpr95=fpr95(is_anomaly, score),
        fpr95_ood_positive=fpr95_ood_positive(is_anomaly, score),
        precision_at={n: precision_at(is_anomaly, score, n) for n in first if n <= len(score)},
    )


def _false_positive_rate(is_positive: Truth, score: Scores) -> float:
    """False positive rate where the ROC curve, straight between its points, reaches 95 % of the positives.

    Where it runs level at 95 %, its far end: every other below the next positive has passed.
    """
    false_rate, true_rate, _ = roc_curve(is_positive, score, drop_intermediate=False)
    return float(np.interp(ACCEPTED, true_rate, false_rate))


def _checked(is_anomaly: Truth, score: Scores) -> None:
    if is_anomaly.shape != score.shape or score.ndim != 1:
        raise SourceError(
            f"each sample needs one score and one label; found scores {score.shape} and labels {is_anomaly.shape}"
        )
    if is_anomaly.all() or not is_anomaly.any():
        kind = "anomalies" if is_anomaly.any() else "normals"
        raise SourceError(f"found only {kind} among {len(score)} samples; a ranking is judged on at least one of each")
    if not np.isfinite(score).all():
        raise SourceError(
            f"a score is a finite number; found {score[~np.isfinite(score)][0]} among {len(score)} scores"
        )
