import numpy as np
import pytest
from PIL import Image

from poleward.data.remote import local
from poleward.data.source import open_source, read_whole
from poleward.errors import SettingError, SourceError

fsspec = pytest.importorskip("fsspec", reason='fsspec is not installed: pip install "poleward[remote]"')


@pytest.fixture
def bucket():
    """A folder of an object store that lives in this process."""
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/bucket", recursive=True)


def test_a_file_at_an_address_is_read_like_one_that_lies_here(bucket):
    bucket.pipe("/bucket/rows.csv", b"a,b\n1,2\n3,4\n")
    source = open_source("memory://bucket/rows.csv")
    assert read_whole(source).data.to_pylist() == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_so_is_a_folder_of_images(bucket, tmp_path):
    Image.fromarray(np.full((4, 4), 7, np.uint8)).save(tmp_path / "m31.png")
    bucket.pipe("/bucket/sky/a/m31.png", (tmp_path / "m31.png").read_bytes())
    batch = read_whole(open_source("memory://bucket/sky"))
    assert batch.ids == ["a/m31.png"]
    assert (batch.data == 7).all()


def test_an_address_of_this_machine_is_one_too(tmp_path):
    (tmp_path / "rows.csv").write_text("a\n1\n")
    assert read_whole(open_source(f"file://{tmp_path}/rows.csv")).data.to_pylist() == [{"a": "1"}]


def test_what_lies_at_an_address_is_fetched_once(bucket):
    bucket.pipe("/bucket/once.csv", b"a\n1\n")
    assert local("memory://bucket/once.csv") == local("memory://bucket/once.csv")


def test_nothing_at_an_address_is_said(bucket):
    bucket.pipe("/bucket/other.csv", b"a\n")
    with pytest.raises(SourceError, match=r"memory://bucket/none\.csv: there is no such file or folder"):
        open_source("memory://bucket/none.csv")


def test_an_address_of_an_unknown_kind_is_refused():
    with pytest.raises(SettingError, match="Protocol not known: pigeon"):
        open_source("pigeon://coop/rows.csv")
