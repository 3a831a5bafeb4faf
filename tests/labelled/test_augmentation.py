import pytest
import torch

from poleward.labelled.augmentation import Augmentation


def images(n=3, side=8):
    return torch.rand(n, 2, side, side, generator=torch.Generator().manual_seed(5)) + 0.1


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def test_without_any_change_a_view_is_the_image():
    assert torch.equal(Augmentation(0.0, False, 0.0).view(images(), drawn()), images())


def test_the_same_generator_draws_the_same_view_and_another_one_another():
    one, same, other = (Augmentation().view(images(), drawn(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_half_of_the_views_are_mirrored():
    x = images(200)
    view = Augmentation(0.0, True, 0.0).view(x, drawn())
    mirrored = (view == x.flip(3)).flatten(1).all(1)
    assert ((view == x).flatten(1).all(1) | mirrored).all()
    assert 70 < mirrored.sum() < 130


def test_a_shift_moves_rows_and_columns_and_mirrors_the_border():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    seen = {tuple(Augmentation(0.25, False, 0.0).view(ramp, drawn(seed))[0, 0, 0].tolist()) for seed in range(40)}
    assert len(seen) == 5
    assert (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 6.0, 5.0) in seen
    assert (2.0, 1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0) in seen


def test_a_square_of_the_asked_size_is_cut_out_where_it_fits():
    counts = [int((Augmentation(0.0, False, 0.5).view(images(1), drawn(s)) == 0)[0, 0].sum()) for s in range(60)]
    assert max(counts) in (9, 16) and min(counts) > 0


def test_views_lie_channels_last():
    assert Augmentation().view(images(), drawn()).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [(1, 1), (8, 3), (28, 28)])
def test_any_size_has_views(size):
    assert Augmentation().view(torch.rand(2, 1, *size), drawn()).shape == (2, 1, *size)
