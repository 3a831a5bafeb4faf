import numpy as np
import pytest
from PIL import Image

from poleward.data.collections import (
    OTHERS,
    TASKS,
    against,
    galaxy_catalogue,
    galaxy_zoo,
    magnetic_tile,
    mars,
    one_class,
    picture,
)
from poleward.data.labelled import Labelled
from poleward.errors import SourceError


def images(n, side=8, bands=3, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (n, side, side, bands), dtype=np.uint8)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.fixture
def mastcam(tmp_path):
    """The layout of Zenodo 3732485: novel images below a folder for each of their kinds."""
    rng = np.random.default_rng(0)
    for name, n in (("train_typical", 5), ("test_typical", 3), ("test_novel/vein", 2), ("test_novel/float", 1)):
        place = tmp_path / "mars" / name
        place.mkdir(parents=True)
        for number in range(n):
            np.save(place / f"{number}.npy", rng.normal(size=(64, 64, 6)))
    return tmp_path / "mars"


def test_mars_trains_on_typical_images_and_judges_typical_and_novel_ones(mastcam):
    task = mars(mastcam, 0)
    assert task.train.shape == (5, 64, 64, 6) and task.train.dtype == np.float64
    assert task.is_odd.tolist() == [False] * 3 + [True] * 3
    assert task.kind == ["test_typical"] * 3 + ["float", "vein", "vein"]


def test_mars_without_a_part_is_named(mastcam):
    for path in (mastcam / "test_typical").iterdir():
        path.unlink()
    with pytest.raises(SourceError, match=r"holds no folder test_typical with \.npy files"):
        mars(mastcam, 0)


def test_pickled_arrays_are_not_read(mastcam):
    np.save(mastcam / "test_typical" / "0.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(SourceError, match=r"0\.npy: cannot be read as a NumPy array of numbers"):
        mars(mastcam, 0)


@pytest.fixture
def catalogue(tmp_path):
    """The layout of the Galaxy Challenge: a catalogue of votes and one JPEG per galaxy."""
    folder = tmp_path / "galaxy_catalogue"
    votes = [0.95, 0.1, 0.91, 0.2, 0.9, 0.0, 0.3]
    lines = [f"{100 + row},0.5,{vote}\n" for row, vote in enumerate(votes)]
    folder.mkdir()
    (folder / "training_solutions_rev1.csv").write_text("GalaxyID,Class1.1,Class6.1\n" + "".join(lines))
    for row in range(len(votes)):
        save(folder / "images_training_rev1" / f"{100 + row}.jpg", images(1, side=424, seed=row)[0])
    return folder


def test_catalogued_galaxies_are_odd_above_nine_tenths_of_the_votes(catalogue):
    task = galaxy_catalogue(catalogue, 0)
    assert task.is_odd.tolist() == [False, False, True, True]
    assert task.train.shape == (3, 64, 64, 3) and task.test.shape == (4, 64, 64, 3)


def test_a_seed_draws_the_galaxies_to_judge(catalogue):
    tests = [galaxy_catalogue(catalogue, seed).test[:2].tobytes() for seed in (0, 0, 1, 2, 3)]
    assert tests[0] == tests[1] and len(set(tests)) > 1


def test_catalogued_galaxies_without_votes_are_named(tmp_path):
    with pytest.raises(SourceError, match=r"holds no \.csv with a column Class6\.1"):
        galaxy_catalogue(tmp_path, 0)


def test_galaxies_are_split_as_their_catalogue_says(tmp_path):
    splits = ["train", "test", "dev", "test", "train"]
    lines = [f"{row}.png,{row % 2},{split}\n" for row, split in enumerate(splits)]
    (tmp_path / "labels.csv").write_text("id,odd,split\n" + "".join(lines))
    for row, image in enumerate(images(5)):
        save(tmp_path / "images" / f"{row}.png", image)
    task = galaxy_zoo(tmp_path, "test")
    assert np.array_equal(task.train, images(5)[[0, 4]]) and np.array_equal(task.test, images(5)[[1, 3]])
    assert task.is_odd.tolist() == [True, True]


def test_a_catalogue_without_a_column_is_named(tmp_path):
    (tmp_path / "labels.csv").write_text("id,odd\n")
    with pytest.raises(SourceError, match=r"labels\.csv: has no column 'split'"):
        galaxy_zoo(tmp_path, "test")


def test_tiles_are_drawn_by_the_seed_and_all_defects_are_judged(tmp_path):
    labels = np.repeat([0, 1, 2], [10, 3, 2])
    np.savez(tmp_path / "magnetic_tile128.npz", x=images(15, bands=1)[..., 0], y=labels)
    one, other = (magnetic_tile(tmp_path, seed) for seed in (0, 1))
    assert one.train.shape == (5, 8, 8, 1) and one.is_odd.tolist() == [False] * 5 + [True] * 5
    assert not np.array_equal(one.train, other.train)


def test_one_class_is_normal_and_every_other_is_odd():
    labelled = Labelled(images(6), np.array([0, 1, 2, 0, 1, 2]))
    task = one_class(labelled, labelled, normal=1)
    assert np.array_equal(task.train, images(6)[[1, 4]])
    assert task.is_odd.tolist() == [True, False, True, True, False, True] and task.kind[2] == "2"


@pytest.fixture
def cifar(tmp_path):
    planes = images(6, side=32).transpose(0, 3, 1, 2).reshape(6, -1)
    records = np.column_stack([np.arange(6, dtype=np.uint8), planes]).tobytes()
    folder = tmp_path / "cifar10" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (folder / name).write_bytes(records)
    return tmp_path / "cifar10"


LAYOUTS = [
    "dtd/images/banded/banded_0001.jpg",
    "lsun_crop/test/0.png",
    "lsun_resize/LSUN_resize/0.png",
    "isun/iSUN_patches/a.jpeg",
    "places365/val_256/Places365_val_1.jpg",
    "imagenette/imagenette2/train/n01440764/a.JPEG",
    "imagenet_near/n02123159/a.JPEG",
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pictures_of_any_size_are_set_against_cifar(tmp_path, cifar, layout):
    name = layout.split("/")[0]
    save(tmp_path / layout, images(1, side=50)[0])
    save((tmp_path / layout).with_suffix(".grey.png"), images(1, side=20, bands=1)[0, ..., 0])
    task = against(tmp_path / name, cifar, 0)
    assert name in OTHERS
    assert task.test.shape == (8, 32, 32, 3) and task.is_odd.tolist() == [False] * 6 + [True] * 2


def test_a_folder_without_pictures_is_named(tmp_path, cifar):
    with pytest.raises(SourceError, match="dtd: holds no picture"):
        against(tmp_path / "dtd", cifar, 0)


def test_a_damaged_picture_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(SourceError, match=r"a\.png: cannot be read as a picture"):
        picture(tmp_path / "a.png")


@pytest.mark.parametrize("name", TASKS)
def test_an_absent_collection_is_an_error_of_its_own(tmp_path, name):
    with pytest.raises(SourceError):
        TASKS[name][1](tmp_path / "absent", 0)
