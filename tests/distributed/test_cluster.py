"""A child process asks a local cluster: Ray leaves processes and warnings behind that the other tests must not see."""

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from poleward.data.rankings import ranking_table
from poleward.data.reading import Reading
from poleward.data.selection import Selection
from poleward.data.source import open_source, read_whole
from poleward.detector.detector import Detector

if find_spec("ray") is None:
    pytest.skip('Ray is not installed: pip install "poleward[ray]"', allow_module_level=True)

ASK = """
import json, sys
from pathlib import Path
import pyarrow as pa, pyarrow.parquet
from poleward.data.rankings import ranking_table
from poleward.data.reading import Reading
from poleward.data.selection import Selection
from poleward.data.source import open_source
from poleward.distributed.cluster import joined_cluster, ranked_by_ray
from poleward.errors import PolewardError

for_table, for_images, place = map(Path, sys.argv[1:])
cases = {
    "rows.parquet": (for_table, Selection(id_column="name"), Reading()),
    "rows.csv": (for_table, Selection(where=(("colour", "red"),)), Reading()),
    "images": (for_images, Selection(), Reading(on_error="skip")),
    "bad.parquet": (for_table, Selection(), Reading()),
    "ragged.csv": (for_table, Selection(), Reading()),
}
said = {}
with joined_cluster(None):
    for name, (model, selection, reading) in cases.items():
        skipped = []
        try:
            source = open_source(place / name, selection=selection, reading=reading)
            found = ranked_by_ray(model, source, None, None, skipped)
            pa.parquet.write_table(pa.concat_tables([*map(ranking_table, found)]), place / f"{name}.ranking")
            said[name] = [name for name, reason in skipped]
        except PolewardError as error:
            said[name] = f"{type(error).__name__}: {error}"
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def place(rows, pictures, tmp_path_factory):
    """The sources of all cases."""
    place = tmp_path_factory.mktemp("place")
    table = pa.parquet.read_table(rows)
    (place / "rows.parquet").write_bytes(rows.read_bytes())
    pa.csv.write_csv(table, place / "rows.csv")
    bad = pa.table({"a": np.array([1.0, np.inf]), "colour": ["red", "red"]})
    pa.parquet.write_table(bad, place / "bad.parquet")
    (place / "ragged.csv").write_text("a,colour\n1.0,red\n2.0,red,blue\n")
    (place / "images").mkdir()
    for path in pictures.iterdir():
        (place / "images" / path.name).write_bytes(path.read_bytes())
    (place / "images" / "15.png").write_bytes(b"no image")
    return place


@pytest.fixture(scope="module")
def said(place, table_model, image_model):
    """What the cluster says of every source: its skipped samples or its fault."""
    words = [sys.executable, "-c", ASK, table_model, image_model, place]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True)
    if "Ray cannot start its processes" in done.stderr:
        pytest.skip("this machine is too busy for Ray to start")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def by_one_process(model, source):
    batch = read_whole(source)
    detector = Detector.load(model)
    return ranking_table(detector.model_.rank(detector.raw(batch.data), batch.ids))


def test_a_cluster_says_of_rows_what_one_process_says_to_the_last_bit_and_in_order(said, place, table_model):
    wanted = by_one_process(table_model, open_source(place / "rows.parquet", selection=Selection(id_column="name")))
    assert pa.parquet.read_table(place / "rows.parquet.ranking").equals(wanted)


def test_so_it_does_of_rows_that_are_read_in_one_piece(said, place, table_model):
    red = Selection(where=(("colour", "red"),))
    wanted = by_one_process(table_model, open_source(place / "rows.csv", selection=red))
    assert pa.parquet.read_table(place / "rows.csv.ranking").equals(wanted)


def test_so_it_does_of_images_and_names_the_damaged_ones(said, place, image_model):
    wanted = by_one_process(image_model, open_source(place / "images", reading=Reading(on_error="skip")))
    assert len(wanted) == 29
    assert pa.parquet.read_table(place / "images.ranking").equals(wanted)
    assert said["images"] == ["15.png"]


def test_a_fault_in_a_worker_is_the_one_line_of_a_single_process(said):
    assert said["bad.parquet"].startswith("SourceError: column 'a', row 2: inf is infinite")
    assert "ragged.csv: cannot be read; line 3 is faulty" in said["ragged.csv"]
