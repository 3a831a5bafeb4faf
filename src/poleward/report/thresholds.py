"""What another threshold would cost: false alarms to expect of normal samples, and samples that it flags."""

from dataclasses import dataclass

import numpy as np

from poleward.calibration.conformal import Conformal
from poleward.records import ReportContents

LEVELS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Levels that are shown beside the page's own."""


@dataclass(frozen=True)
class Threshold:
    """One threshold and what follows from it.

    level : share of normal samples that it flags by mistake, at most
    score : samples above it are flagged
    n_flagged : of the ranked samples; n_found : of those labelled anomalous, None without labels
    is_own : whether it is the one that the page uses
    """

    level: float
    score: float
    n_flagged: int
    n_found: int | None
    is_own: bool


def thresholds(contents: ReportContents) -> list[Threshold]:
    """The page's own threshold among those of round levels that the calibration samples can show, strictest first."""
    conformal = Conformal(contents.calibration_scores)
    own = float(np.nextafter(contents.threshold, -np.inf))
    shown = [_threshold(contents, contents.alpha, own, is_own=True)]
    for level in LEVELS:
        score = conformal.threshold(level)
        if conformal.level(level) == level and score != own:
            shown.append(_threshold(contents, level, score, is_own=False))
    return sorted(shown, key=lambda threshold: (-threshold.score, threshold.level))


def _threshold(contents: ReportContents, level: float, score: float, is_own: bool) -> Threshold:
    flagged = contents.scores > score
    found = None if contents.labels is None else int((flagged & contents.labels).sum())
    return Threshold(level, score, int(flagged.sum()), found, is_own)
