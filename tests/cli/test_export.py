import sys

import pytest

pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")


def test_rows_of_a_source_are_what_both_must_agree_on(poleward, sources, models, here, monkeypatch):
    from poleward.export import exporting

    given = []

    def export(detector, folder, features):
        given.append((folder, features))
        return exporting.Agreement(features, features.values[:, 0], 1.5e-7)

    monkeypatch.setattr(exporting, "export", export)
    done = poleward("export", models / "table", "--onnx", "out", "--rows", sources / "table.csv")
    assert (done.code, done.err) == (0, "")
    assert done.out == "120 reference samples differ by at most 1.5e-07; the exported model lies in out\n"
    ((folder, features),) = given
    assert (str(folder), len(features)) == ("out", 120)


def test_without_its_libraries_the_command_says_what_to_install(refused, models, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("poleward.export.exporting.as_onnx", lambda *given: b"")
    assert 'pip install "poleward[export]"' in refused("export", models / "table", "--onnx", "out")
    assert here() == []


def test_a_place_that_holds_something_else_is_refused(refused, models, here):
    (here / "out").mkdir()
    (here / "out" / "mine").write_text("mine")
    assert "something else" in refused("export", models / "table", "--onnx", "out")
