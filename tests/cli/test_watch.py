import json

import pytest


def test_a_state_that_is_none_is_refused(poleward, sources, models, here):
    (here / "s.json").write_text("[]")
    done = poleward("watch", models / "table", sources / "table.csv", "--state", "s.json")
    assert done.code == 2 and "s.json: is no file of --state" in done.err


@pytest.mark.parametrize("kind", ["table", "images"])
def test_every_batch_has_a_line_and_is_counted(poleward, sources, models, here, kind):
    source = sources / ("table.csv" if kind == "table" else kind)
    done = poleward("watch", models / kind, source, "--batch", 15, "--state", "s.json")
    seen = json.loads((here / "s.json").read_text())["batches"]
    assert done.code == 0 and f"of {seen} batches have moved" in done.out


def test_a_stream_that_moved_can_end_with_an_exit_code(poleward, models, sources, here):
    lines = (sources / "table.csv").read_text().splitlines()
    (here / "moved.csv").write_text("\n".join([lines[0], *[lines[1]] * 200]) + "\n")
    done = poleward("watch", models / "table", "moved.csv", "--fail-on-drift")
    assert done.code == 1 and "MOVED" in done.out
