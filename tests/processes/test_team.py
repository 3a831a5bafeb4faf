import numpy as np
import pytest
import torch

from poleward.processes import team
from poleward.processes.team import Team, working

OF_ROWS = ("compressed", "moments", "variational", "norm", "missing cells", "published")
TOLERANCE = {**dict.fromkeys(OF_ROWS, 1e-5), "images": 1e-4}
"""Relative, of the terms of the loss in float32; images amplify rounding through batch normalisation."""


@pytest.mark.parametrize("case", TOLERANCE)
def test_two_processes_with_half_of_each_batch_train_as_one_with_all_of_it(trained, case):
    found = trained[0]
    for term in ("loss", "reconstruction", "regulariser", "latent norm"):
        together, alone = (found[f"{case}/{way}/{term}"] for way in ("together", "alone"))
        assert np.allclose(together, alone, rtol=TOLERANCE[case], atol=1e-5), term
    together, alone = (found[f"{case}/{way}/weights"] for way in ("together", "alone"))
    assert np.linalg.norm(together - alone) < 100 * TOLERANCE[case] * np.linalg.norm(alone)


@pytest.mark.parametrize("case", TOLERANCE)
def test_both_processes_end_with_the_same_weights_to_the_last_bit(trained, case):
    one, other = (found[f"{case}/together/weights"] for found in trained)
    assert np.array_equal(one, other)


def test_shares_are_a_partition_whose_parts_differ_by_at_most_one():
    parts = []
    for rank in range(3):
        with working(Team(rank, 3)):
            parts.append(team.share(list(range(8))))
    assert [row for part in parts for row in part] == list(range(8))
    assert [len(part) for part in parts] == [3, 3, 2]


def test_alone_nothing_is_changed():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert team.total(x) is team.whole(x) is team.share(x) is x
    assert team.mean_of_means(x, x) is x
    assert (team.alone(), team.leads(), team.any_asks(True), team.same_everywhere(7)) == (True, True, True, True)
    assert not team.any_asks(False)


def test_after_working_together_a_process_is_alone_again():
    with pytest.raises(KeyError), working(Team(1, 2)):
        assert not team.alone()
        assert not team.leads()
        raise KeyError
    assert team.alone()
