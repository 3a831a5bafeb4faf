import io
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image
from scipy.io import savemat

from poleward.data.labelled import read_cifar, read_fashion_mnist, read_hugging_face, read_svhn, stacked
from poleward.errors import SourceError


def images(n, side=32, bands=3, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (n, side, side, bands), dtype=np.uint8)


def png(image):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def records(pictures, *labels):
    """CIFAR's binary records: one byte per label, then red, green and blue planes."""
    planes = pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
    return np.column_stack([*[np.asarray(label, np.uint8) for label in labels], planes]).tobytes()


def test_cifar10_is_read_from_its_binary_version(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    first, second = images(3), images(2, seed=1)
    (folder / "data_batch_1.bin").write_bytes(records(first, [1, 2, 3]))
    (folder / "data_batch_2.bin").write_bytes(records(second, [4, 5]))
    (folder / "test_batch.bin").write_bytes(records(second, [6, 7]))
    train, test = (read_cifar(tmp_path, part) for part in ("train", "test"))
    assert np.array_equal(train.images, np.concatenate([first, second])) and train.labels.tolist() == [1, 2, 3, 4, 5]
    assert np.array_equal(test.images, second) and test.labels.tolist() == [6, 7]


def test_the_fine_class_of_cifar100_counts(tmp_path):
    (tmp_path / "train.bin").write_bytes(records(images(2), [9, 8], [71, 72]))
    labelled = read_cifar(tmp_path, "train")
    assert labelled.labels.tolist() == [71, 72] and np.array_equal(labelled.images, images(2))


def test_cifar_is_read_from_parquet(tmp_path):
    cells = [{"bytes": png(image), "path": None} for image in images(2)]
    table = pa.table({"image": cells, "label": [3, 4]})
    pyarrow.parquet.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    labelled = read_cifar(tmp_path, "train")
    assert labelled.labels.tolist() == [3, 4] and np.array_equal(labelled.images, images(2))


def test_pickled_cifar_is_refused(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x04.")
    with pytest.raises(SourceError, match="pickled 'python version' is not read"):
        read_cifar(tmp_path, "train")


def test_a_cut_file_of_records_is_named(tmp_path):
    (tmp_path / "train.bin").write_bytes(b"0" * 100)
    with pytest.raises(SourceError, match=r"train\.bin: has 100 bytes; CIFAR records take 3,074"):
        read_cifar(tmp_path, "train")


def test_a_damaged_image_in_parquet_is_an_error(tmp_path):
    pyarrow.parquet.write_table(pa.table({"image": [b"no"], "label": [3]}), tmp_path / "test.parquet")
    with pytest.raises(SourceError, match=r"test\.parquet: an image cannot be read"):
        read_cifar(tmp_path, "test")


def test_parquet_without_classes_is_an_error(tmp_path):
    pyarrow.parquet.write_table(pa.table({"image": [png(images(1)[0])]}), tmp_path / "test.parquet")
    with pytest.raises(SourceError, match="needed are image and label"):
        read_cifar(tmp_path, "test")


def test_svhn_is_read_and_its_tens_are_zeros(tmp_path):
    pictures = images(3)
    savemat(tmp_path / "train_32x32.mat", {"X": np.moveaxis(pictures, 0, -1), "y": np.array([[10], [1], [2]])})
    labelled = read_svhn(tmp_path, "train")
    assert np.array_equal(labelled.images, pictures) and labelled.labels.tolist() == [0, 1, 2]


def test_a_damaged_svhn_is_named(tmp_path):
    savemat(tmp_path / "test_32x32.mat", {"X": np.zeros(3)})
    with pytest.raises(SourceError, match=r"test_32x32\.mat: is not a MATLAB file"):
        read_svhn(tmp_path, "test")


@pytest.mark.parametrize("read", [read_svhn, read_fashion_mnist])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(SourceError, match="holds no "):
        read(tmp_path, "train")


def test_fashion_mnist_gets_a_band(tmp_path):
    pictures = images(2, side=28, bands=1)[..., 0]
    np.savez(tmp_path / "fashion_mnist.npz", x_test=pictures, y_test=[1, 2])
    labelled = read_fashion_mnist(tmp_path, "test")
    assert labelled.images.shape == (2, 28, 28, 1) and labelled.labels.tolist() == [1, 2]


def test_images_of_different_sizes_are_refused(tmp_path):
    with pytest.raises(SourceError, match="images are of 2 sizes"):
        stacked([images(1)[0], images(1, side=8)[0]], tmp_path)


class Loaded(dict):
    """Columns by name, as the library gives them."""


def library(features):
    loaded = Loaded(img=[Image.fromarray(image) for image in images(2)], label=[0, 1])
    kinds = {"img": type("Image", (), {})(), "label": type("ClassLabel", (), {})()}  # known by their class's name
    loaded.features = {name: kinds[name] for name in features}
    return SimpleNamespace(load_dataset=lambda name, split: loaded)


def test_a_hugging_face_collection_is_found_by_its_features(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", library(["img", "label"]))
    labelled = read_hugging_face("some/name", "train")
    assert np.array_equal(labelled.images, images(2)) and labelled.labels.tolist() == [0, 1]


def test_a_hugging_face_collection_without_classes_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", library(["img"]))
    with pytest.raises(SourceError, match="needed are one of images, one of classes"):
        read_hugging_face("some/name", "train")


def test_without_the_library_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SourceError, match="pip install datasets"):
        read_hugging_face("some/name", "train")
