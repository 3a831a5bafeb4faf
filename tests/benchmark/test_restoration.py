import numpy as np
import pytest
from PIL import Image

from poleward.benchmark.restoration import FAULTS, error, figures, read_tiles, region_overlap
from poleward.errors import SourceError


def grey(n=4, side=16):
    return np.full((n, side, side, 3), 90, np.uint8)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_changes_only_the_cells_that_it_names(fault):
    dirty, wrong = FAULTS[fault](grey(), np.random.default_rng(0))
    assert (dirty != grey())[wrong].mean() > 0.9
    assert np.abs(dirty.astype(int) - grey())[~wrong].max() <= 4
    assert 0 < wrong.mean() < 0.5
    again = FAULTS[fault](grey(), np.random.default_rng(0))
    assert np.array_equal(dirty, again[0])


def test_errors_are_squared_shares_of_the_full_range():
    assert error(grey() + 51, grey(), np.ones(grey().shape, bool)) == pytest.approx(0.04)


def test_small_regions_count_as_much_as_large_ones():
    defects = np.zeros((1, 8, 8), bool)
    defects[0, :4], defects[0, 6, 6] = True, True
    mask = np.zeros_like(defects)
    mask[0, 6, 6] = True
    assert region_overlap(mask, defects) == 0.5


def test_tiles_shrink_with_their_defects(tmp_path):
    x, marked = np.zeros((2, 8, 8), np.uint8), np.zeros((2, 64), bool)
    x[0, :4], marked[1, :16] = 200, True
    np.savez(tmp_path / "t.npz", x=x, mask_bits=np.packbits(marked, axis=1))
    tiles, defects = read_tiles(tmp_path / "t.npz", 4)
    assert tiles.shape == (2, 4, 4, 1)
    assert tiles[0, :, 0, 0].tolist() == [200, 200, 0, 0]
    assert defects[1].sum() == 4
    assert not defects[0].any()


def test_data_that_are_not_there_are_named(tmp_path):
    with pytest.raises(SourceError, match="magnetic_tile"):
        next(figures(tmp_path, [0], print))


def test_galaxies_are_read_by_their_split(tmp_path):
    from poleward.benchmark.restoration import read_galaxies

    (tmp_path / "images").mkdir()
    Image.fromarray(grey()[0]).save(tmp_path / "images" / "a.png")
    (tmp_path / "labels.csv").write_text("id,odd,split\na.png,0,train\nb.png,1,train\nc.png,0,test\n")
    assert np.array_equal(read_galaxies(tmp_path, "train", 5, seed=0), grey()[:1])
    with pytest.raises(SourceError, match="labels"):
        read_galaxies(tmp_path / "images", "train", 5, seed=0)
