import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_new_images_go_to_an_array_file(poleward, models, here, ending):
    done = poleward("sample", models / "images", "-n", 5, "--out", f"new.{ending}")
    assert (done.code, done.out) == (0, f"5 new samples lie in new.{ending}\n")
    if ending == "npy":
        images = np.load(here / "new.npy")
    else:
        with np.load(here / "new.npz") as held:
            images = held["X"]
    assert (images.shape, images.dtype) == ((5, 8, 6, 3), np.uint8)


def test_new_images_go_to_a_folder_of_pictures(poleward, models, here):
    assert poleward("sample", models / "images", "-n", 11, "--out", "new").code == 0
    names = sorted(path.name for path in (here / "new").iterdir())
    assert names == [f"{i:02d}.png" for i in range(11)]
    with Image.open(here / "new" / "03.png") as image:
        assert (image.size, image.mode) == ((6, 8), "RGB")


def test_new_images_can_be_scored(poleward, models, here):
    poleward("sample", models / "images", "-n", 5, "--out", "new")
    assert poleward("score", models / "images", "new", "--out", "s.csv").code == 0


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_new_rows_go_to_a_table_and_can_be_scored(poleward, models, here, ending):
    assert poleward("sample", models / "table", "-n", 4, "--out", f"new.{ending}").code == 0
    read = pyarrow.csv.read_csv if ending == "csv" else pyarrow.parquet.read_table
    table = read(here / f"new.{ending}")
    assert (table.num_rows, table.column_names) == (4, ["a", "b", "colour", "day", "flag"])
    assert poleward("score", models / "table", f"new.{ending}", "--out", "s.csv").code == 0


def test_the_seed_decides_what_is_drawn(poleward, models, here):
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        poleward("sample", models / "images", "--seed", seed, "--out", f"{out}.npy")
    a, b, c = (np.load(here / f"{out}.npy") for out in "abc")
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert len(a) == 16


@pytest.mark.parametrize(
    ("model", "out", "said"),
    [
        ("images", "new.csv", "a model of images writes to .npy, .npz, no ending"),
        ("table", "new.npz", "a model of table writes to .csv, .parquet"),
        ("table", "new", "a model of table writes to .csv, .parquet"),
    ],
)
def test_a_form_that_does_not_fit_the_data_is_refused(refused, models, here, model, out, said):
    assert said in refused("sample", models / model, "--out", out)
    assert here() == []
