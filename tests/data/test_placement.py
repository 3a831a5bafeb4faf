import pytest

from poleward.data.placement import placed, require_another, writing
from poleward.errors import OutputError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_name_when_all_went_well(tmp_path):
    with placed(tmp_path / "deep" / "out") as part:
        part.write_text("new")
        assert not (tmp_path / "deep" / "out").exists()
    assert (tmp_path / "deep" / "out").read_text() == "new"
    assert names(tmp_path / "deep") == ["out"]


def test_what_was_there_stays_when_something_failed(tmp_path):
    (tmp_path / "out").write_text("old")
    with pytest.raises(KeyboardInterrupt), placed(tmp_path / "out") as part:
        part.write_text("new")
        raise KeyboardInterrupt
    assert (tmp_path / "out").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(OutputError, match="is a folder already"), placed(tmp_path):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/out: cannot be written"), placed(tmp_path / "file" / "out"):
        pass


def test_a_fault_of_writing_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"out: cannot be written \(No space left"), writing(tmp_path / "out"):
        raise OSError(28, "No space left")


def test_the_same_file_under_another_name_is_refused(tmp_path):
    (tmp_path / "a").write_text("")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OutputError, match="itself"):
        require_another(tmp_path / "b", tmp_path / "a")
    with pytest.raises(OutputError, match="itself"):
        require_another(tmp_path / "none", tmp_path / "x" / ".." / "none")
    require_another(tmp_path / "c", tmp_path / "a")


def test_a_place_within_the_source_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match="lies in"):
        require_another(tmp_path / "fixed", tmp_path)
