"""What re-ranking is worth: a person who labels the head of a ranking is played by known labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poleward.errors import SettingError
from poleward.explorer.relevance import rerank


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
    n_labelled: int = 100,
    n_next: int = 100,
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
