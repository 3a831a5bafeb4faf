import math

import numpy as np
import pytest
import torch

from poleward.objectives.classes.islands import Islands, angular_compression
from poleward.objectives.compressed import EPS

LABELS = torch.tensor([0, 2, 0, 2, 2, 0, 1, 1])


def codes(n=5):
    return torch.randn(8, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def plain(own, labels, kind):
    """The compression, one class and one angle at a time."""
    n = own.shape[1]
    u = 1 / np.sqrt(np.arange(1, n))
    total = 0.0
    for c in set(labels.tolist()):
        v = own[labels == c].numpy()
        for k in range(n - 1):
            cos = v[:, k] / np.sqrt((v[:, k:] ** 2).sum(1) + EPS)
            a = 1.0 if kind == "full" or k == 0 else 0.0
            t = 1 + math.sqrt(cos.var(ddof=1) + 1e-4) - 1 / math.sqrt(n - k)
            total += len(v) / len(own) * u[k] / u.sum() * ((t**2 - math.log(t**2) - 1) / 0.05 + (cos.mean() - a) ** 2)
    return total


@pytest.mark.parametrize("kind", ["full", "vmf"])
def test_the_compression_is_the_formula(kind):
    assert angular_compression(codes(), LABELS, kind).item() == pytest.approx(plain(codes(), LABELS, kind))


def test_a_class_with_one_sample_gives_only_its_mean():
    one = angular_compression(torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([4]), "vmf")
    assert one.item() == pytest.approx(0.0, abs=1e-6)  # on its axis: nothing to ask


def test_the_order_of_classes_and_samples_does_not_matter():
    order = torch.randperm(8, generator=torch.Generator().manual_seed(1))
    one = angular_compression(codes(), LABELS, "full")
    assert torch.allclose(angular_compression(codes()[order], (7 - LABELS)[order], "full"), one)


def test_without_weight_it_is_cross_entropy_on_the_cosines():
    torch.manual_seed(0)
    objective = Islands(5, 3, n_codes=4, weight=0.0, scale=2.0)
    x = torch.randn(8, 5)
    mu = objective.to_codes.weight.detach() @ x.T
    cosines = (mu / mu.norm(dim=0))[[0, 1, 2]].T  # three axes of four, one apart
    expected = torch.nn.functional.cross_entropy(2 * cosines, LABELS)
    assert objective.loss(x, LABELS, 0, 1).item() == pytest.approx(expected.item())


def test_logits_grow_with_the_length_of_the_code():
    objective = Islands(5, 3)
    x = torch.randn(4, 5)
    assert torch.allclose(objective.logits(3 * x), 3 * objective.logits(x), atol=1e-5)
