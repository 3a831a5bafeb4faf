import numpy as np
import pytest
import torch

from poleward.objectives.norm import Norm
from poleward.objectives.objective import Posterior
from poleward.objectives.observation import Observation
from poleward.records import Block, Encoded
from poleward.scoring.reconstruction import Reconstruction, ReconstructionAndNorm, squared_error

UNSEEN = np.zeros(12, bool)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def encoded(masked=False):
    return Encoded(
        inputs=normal(12, 5),
        reconstructions=normal(12, 5, seed=1),
        means=normal(12, 3, seed=2),
        observed=normal(12, 5, seed=3) > -0.5 if masked else None,
    )


def test_the_error_is_the_mean_of_the_squares():
    sample = Encoded(inputs=np.array([[1.0, 2.0, 3.0]]), reconstructions=np.array([[1.0, 4.0, 6.0]]))
    assert squared_error(sample) == pytest.approx([13 / 3])


def test_only_observed_cells_count():
    sample = Encoded(
        inputs=np.array([[1.0, 2.0, 3.0]]),
        reconstructions=np.array([[1.0, 99.0, 6.0]]),
        observed=np.array([[True, False, True]]),
    )
    assert squared_error(sample) == pytest.approx([9 / 2])


def test_a_sample_without_any_observed_cell_has_no_error():
    sample = Encoded(inputs=np.ones((1, 2)), reconstructions=np.zeros((1, 2)), observed=np.zeros((1, 2), bool))
    assert squared_error(sample) == [0]


def test_a_mask_of_ones_is_no_mask():
    plain = encoded()
    masked = Encoded(plain.inputs, np.ones((12, 5), bool), plain.means, None, plain.reconstructions)
    assert np.array_equal(squared_error(masked), squared_error(plain))


def test_single_precision_is_measured_in_double():
    inputs = np.full((1, 3), 1e4, np.float32)
    reconstructions = np.nextafter(inputs, np.float32(np.inf))
    gap = float(reconstructions[0, 0]) - 1e4
    found = squared_error(Encoded(inputs=inputs, reconstructions=reconstructions))
    assert found.dtype == np.float64 and found == pytest.approx([gap**2], rel=1e-12)


def test_the_reconstruction_score_is_the_error():
    assert np.array_equal(Reconstruction().score(encoded(), UNSEEN), squared_error(encoded()))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weight", [0.0, 1.0, 7.5])
def test_the_norm_score_is_the_loss_of_the_norm_objective_sample_by_sample(masked, weight):
    samples = encoded(masked)
    observation = Observation([Block(str(i), "numeric", i, 1) for i in range(5)], (5,), [1.0] * 5)
    objective = Norm(weight)
    losses = []
    for i in range(12):
        values, prediction, mean = (
            torch.tensor(part[[i]]) for part in (samples.inputs, samples.reconstructions, samples.means)
        )
        observed = None if samples.observed is None else torch.tensor(samples.observed[[i]])
        reconstruction = objective.reconstruction(observation, prediction, values, observed)
        regulariser = objective.regulariser(Posterior(mean, torch.zeros_like(mean)), 5)
        losses.append(objective.combine(reconstruction, regulariser, 0, 1).item())
    assert ReconstructionAndNorm(weight).score(samples, UNSEEN) == pytest.approx(losses, rel=1e-12)


def test_what_a_score_needs_must_be_there():
    with pytest.raises(TypeError, match="needs inputs and reconstructions"):
        Reconstruction().score(Encoded(inputs=np.ones((1, 2))), UNSEEN[:1])
    with pytest.raises(TypeError, match="needs means"):
        ReconstructionAndNorm().score(Encoded(inputs=np.ones((1, 2)), reconstructions=np.ones((1, 2))), UNSEEN[:1])
