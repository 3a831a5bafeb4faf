"""From logits to probabilities: one temperature, learned from samples that the network has not seen."""

from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

SPAN = 1e4
"""The temperature is sought from 1/SPAN to SPAN times the mean margin."""


def probabilities(logits: Float[np.ndarray, "n classes"], temperature: float) -> Float64[np.ndarray, "n classes"]:
    """p_c = exp(l_c / T) / sum_j exp(l_j / T).

    >>> probabilities(np.array([[0.0, 0.0]]), 2.0)
    array([[0.5, 0.5]])
    """
    return np.asarray(softmax(np.asarray(logits, np.float64) / temperature, axis=1))


def learned_temperature(logits: Float[np.ndarray, "n classes"], labels: Int[np.ndarray, "n"]) -> float:
    """The T of temperature scaling (Guo et al. 2017), with a rule of succession:

        T = argmin - sum_i log p_{y_i}(T) + log(1 + exp(margin / T))

    where margin is the mean lead of the largest logit over the next. The last term is one more sample that is wrong by
    that margin: without it, n samples that are all right would ask for certainty.

    >>> T = learned_temperature(np.array([[6.0, 0.0]] * 9), np.zeros(9, int))  # nine right, and the one that is wrong
    >>> probabilities(np.array([[6.0, 0.0]]), T).round(3)
    array([[0.9, 0.1]])

    Parameters
    ----------
    logits, labels : of n >= 1 samples that neither training nor the choice of anything has seen
    """
    wide = np.asarray(logits, np.float64)
    best = np.sort(wide, axis=1)
    margin = max(float((best[:, -1] - best[:, -2]).mean()), float(np.finfo(np.float32).tiny))

    def cost(log_ratio: float) -> Any:
        temperature = margin * np.exp(log_ratio)
        right = log_softmax(wide / temperature, axis=1)[np.arange(len(labels)), labels]
        return -right.sum() + np.logaddexp(0.0, margin / temperature)

    limit = float(np.log(SPAN))
    return margin * float(np.exp(minimize_scalar(cost, bounds=(-limit, limit), method="bounded").x))
