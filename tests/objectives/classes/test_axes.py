import pytest
import torch

from poleward.objectives.classes.axes import ClassAxes

sizes = pytest.mark.parametrize(
    ("n_classes", "n"), [(1, 2), (2, 2), (10, 128), (13, 128), (40, 64), (64, 64), (200, 64)]
)


def test_ten_classes_take_the_published_axes():
    assert ClassAxes(10, 128).directions().argmax(1).tolist() == list(range(0, 100, 10))


@sizes
def test_the_first_coordinate_is_the_projection_on_the_own_axis(n_classes, n):
    axes = ClassAxes(n_classes, n)
    labels = torch.arange(n_classes)
    codes = torch.randn(n_classes, n, generator=torch.Generator().manual_seed(0))
    own = axes.own_coordinates(codes, labels)
    assert torch.allclose(own[:, 0], (codes * axes.directions()).sum(1), atol=1e-5)
    assert torch.allclose(own.norm(dim=1), codes.norm(dim=1))


@sizes
def test_no_two_classes_share_an_axis(n_classes, n):
    directions = ClassAxes(n_classes, n).directions()
    assert torch.allclose(directions.norm(dim=1), torch.ones(n_classes))
    cosines = directions @ directions.T - torch.eye(n_classes)
    assert cosines.abs().max() < (1e-6 if n_classes <= n else 0.7)


def test_a_thousand_axes_in_128_dimensions_are_nearly_orthogonal():
    directions = ClassAxes(1000, 128).directions()
    cosines = (directions @ directions.T)[~torch.eye(1000, dtype=torch.bool)]
    assert cosines.square().mean().sqrt() < 1 / 128**0.5
    assert cosines.abs().max() < 0.5


def test_the_axes_are_the_same_in_every_run():
    assert torch.equal(ClassAxes(300, 32).directions(), ClassAxes(300, 32).directions())
