"""What re-ranking is worth: a person who labels the head of a ranking is played by known labels."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.benchmark.measuring import Interval
from poleward.benchmark.record import Figure
from poleward.data.task import Task
from poleward.detector.detector import Detector
from poleward.errors import SettingError
from poleward.scoring.relevance import rerank

N_LABELLED, N_NEXT = 100, 100
"""Images at the head of the ranking that are labelled, and those after them that are looked at."""

SHARE = 0.04
"""Of odd images, as an archive may hold them."""

DRAWS = 10
"""Of the odd images that are left in, for each training."""

GAIN = 2.0
"""Recall among the next places with labels, over recall without: what is wanted."""


@dataclass(frozen=True)
class Simulated:
    """What was found.

    n_labelled : interesting samples among the labelled ones; n_left : those that were still to be found
    plain, reranked : how many of them stand in the next places without and with the labels
    method : the way of re-ranking that was chosen
    """

    n_labelled: int
    n_left: int
    plain: int
    reranked: int
    method: str

    @property
    def gain(self) -> float:
        """Recall with the labels over recall without; NaN when neither finds any, infinite when only the first does."""
        if not self.plain:
            return np.inf if self.reranked else np.nan
        return self.reranked / self.plain


def simulate(
    features: NDArray[np.floating[Any]],
    scores: NDArray[np.floating[Any]],
    interesting: NDArray[np.bool_],
    n_labelled: int = N_LABELLED,
    n_next: int = N_NEXT,
) -> Simulated:
    """Label the most anomalous samples, re-rank the others, and count what the next places hold.

    features : (n, d); scores : (n,) higher is more anomalous; interesting : (n,) the truth

    >>> features = np.arange(8.0)[:, None]
    >>> simulate(features, np.arange(8.0), np.arange(8) < 4, n_labelled=2, n_next=3).plain
    1
    """
    if not 0 < n_labelled < len(scores):
        raise SettingError(f"n_labelled is {n_labelled}; it is from 1 to {len(scores) - 1}, one less than the samples")
    order = np.argsort(-scores, kind="stable")
    labelled, rest = order[:n_labelled], order[n_labelled:]
    reranking = rerank(features, scores, labelled, interesting[labelled])
    again = rest[np.argsort(-reranking.relevance[rest], kind="stable")]
    return Simulated(
        n_labelled=int(interesting[labelled].sum()),
        n_left=int(interesting[rest].sum()),
        plain=int(interesting[rest[:n_next]].sum()),
        reranked=int(interesting[again[:n_next]].sum()),
        method=reranking.method,
    )


def thinned(is_odd: NDArray[np.bool_], share: float, seed: int) -> NDArray[np.intp]:
    """Rows of all normal samples and of as many odd ones, drawn at random, as make up a share of the whole.

    share : in (0, 1), of the odd ones among the rows

    >>> len(thinned(np.arange(100) < 50, share=0.5, seed=0)), len(thinned(np.arange(100) < 50, share=0.2, seed=0))
    (100, 62)
    """
    odd, normal = np.flatnonzero(is_odd), np.flatnonzero(~is_odd)
    n_odd = min(len(odd), round(share / (1 - share) * len(normal)))
    return np.sort(np.concatenate([normal, np.random.default_rng(seed).choice(odd, n_odd, replace=False)]))


def figures(
    name: str, task: Callable[[], Task], seeds: Sequence[int], epochs: int | None, say: Callable[[str], None]
) -> Iterator[Figure]:
    """What labels of the 100 top-ranked images are worth to the default detector, over draws of odd images.

    task : normal images to learn from, and those to rank; thinned to 4 % odd
    seeds : of the trainings; each has ten draws
    """
    found = [one for seed in seeds for one in simulated(task(), seed, epochs)]
    for one in found:
        say(f"{name}: {one}")

    def mean(what: str, *values: float, goal: str = "", met: bool | None = None) -> Figure:
        return Figure(f"{name}: {what}", Interval.of_mean(np.array(values)), goal, met)

    plain, again = np.mean([one.plain for one in found]), np.mean([one.reranked for one in found])
    yield mean("odd among the 100 labelled", *(one.n_labelled for one in found))
    yield mean("odd that are left", *(one.n_left for one in found))
    yield mean("odd among the next 100, by score", *(one.plain for one in found))
    yield mean("odd among the next 100, by relevance", *(one.reranked for one in found))
    known = [one for one in found if one.plain]
    if known:
        gains = (one.gain for one in known)
        yield mean("gain of the labels", *gains, goal=f"at least {GAIN:g}", met=bool(again >= GAIN * plain))
        yield mean("the largest gain there could be", *(min(one.n_left, N_NEXT) / one.plain for one in known))


def simulated(task: Task, seed: int, epochs: int | None) -> Iterator[Simulated]:
    """One training, and what its labels are worth in every draw."""
    detector = Detector(epochs=epochs, random_state=seed).fit(task.train)
    codes, scores = detector.transform(task.test), -detector.score_samples(task.test)
    for draw in range(DRAWS):
        rows = thinned(task.is_odd, SHARE, draw)
        n = min(N_LABELLED, len(rows) // 4)  # fewer in the quick form alone
        yield simulate(codes[rows], scores[rows], task.is_odd[rows], n, n)
