import pytest
import torch

from poleward.training.muon import Muon, polar

SHARE = 0.25


def stepped(optimizer, parameter, gradients):
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach()


def kernel(seed=0, shape=(4, 3, 3, 3)):
    return torch.nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(seed)))


def normalised(weight):
    return weight.detach() * len(weight) ** 0.5 / weight.detach().norm()


def test_what_is_no_kernel_moves_as_with_nesterovs_momentum():
    gradients = [torch.randn(5, 2, generator=torch.Generator().manual_seed(step)) for step in range(4)]
    ours, torchs = torch.nn.Parameter(torch.ones(5, 2)), torch.nn.Parameter(torch.ones(5, 2))
    found = stepped(Muon([ours], 0.1, SHARE, 0.9, weight_decay=0.3), ours, gradients)
    plain = torch.optim.SGD([torchs], 0.1, momentum=0.9, nesterov=True, weight_decay=0.3)
    torch.testing.assert_close(found, stepped(plain, torchs, gradients))


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (40, 2, 3, 3)])
def test_a_kernel_turns_alike_in_every_direction(shape):
    weight, gradient = kernel(shape=shape), kernel(1, shape).detach()
    before = normalised(weight)
    turn = (before - stepped(Muon([weight], 0.2, SHARE, 0.9), weight, [gradient])) / (0.2 * SHARE)
    values = torch.linalg.svdvals(turn.flatten(1))
    assert values.min() > 0.5 and values.max() < 1.5
    assert (turn * gradient).sum() > 0


def test_the_length_of_a_gradient_does_not_count_for_a_kernel():
    ends = []
    for factor in (1.0, 1000.0):
        weight = kernel()
        ends.append(stepped(Muon([weight], 0.2, SHARE, 0.9), weight, [factor * kernel(s).detach() for s in (1, 2)]))
    torch.testing.assert_close(*ends)


def test_a_kernel_keeps_its_length():
    weight = kernel()
    optimizer = Muon([weight], 0.01, SHARE, 0.9)
    for seed in range(1, 30):
        stepped(optimizer, weight, [kernel(seed).detach()])
    assert weight.detach().norm().item() == pytest.approx(len(weight) ** 0.5, rel=0.02)


def test_a_kernel_forgets_sooner_than_all_else():
    gradients = [kernel(1).detach(), kernel(2).detach()]
    weight, once = kernel(), kernel()
    found = stepped(Muon([weight], 0.01, SHARE, 0.9), weight, gradients)
    first = stepped(Muon([once], 0.01, SHARE, 0.9), once, gradients[:1])
    d = gradients[1] + 0.6 * (gradients[1] + 0.6 * gradients[0])
    turn = polar(d.flatten(1)).view(weight.shape)
    torch.testing.assert_close(found, normalised(first) - 0.01 * SHARE * turn)


def test_a_kernel_without_a_gradient_keeps_its_direction():
    weight = kernel()
    before = normalised(weight)
    torch.testing.assert_close(stepped(Muon([weight], 0.2, SHARE, 0.9), weight, [torch.zeros_like(weight)]), before)


def test_what_has_no_gradient_stays():
    weight = kernel()
    before = weight.detach().clone()
    Muon([weight], 0.2, SHARE, 0.9).step()
    assert torch.equal(weight.detach(), before)


def test_weight_decay_leaves_kernels_alone():
    ends = []
    for decay in (0.0, 0.5):
        weight = kernel()
        ends.append(stepped(Muon([weight], 0.2, SHARE, 0.9, decay), weight, [kernel(1).detach()]))
    assert torch.equal(*ends)


def test_the_polar_factor_keeps_the_singular_vectors():
    matrix = kernel().detach().flatten(1)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    inner = u.T @ polar(matrix) @ v.T
    torch.testing.assert_close(inner, torch.diag(inner.diag()), atol=1e-5, rtol=0)
    assert (inner.diag() - 1).abs().max() < 0.5
    torch.testing.assert_close(polar(matrix.T), polar(matrix).T)
