"""Bad input: one clear line on standard error, exit code 2, nothing half-written.

The fixture ``refused`` checks line and code.
"""

import json
import os
import shutil
from pathlib import Path

import jaxtyping
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from poleward.cli import score
from poleward.training import collapse

QUICK = ("--epochs", 1, "--n-latent", 3)
FIT = ("--out", "m", *QUICK)


@pytest.fixture
def rows(here):
    """Write a csv of lines."""

    def write(*lines, name="t.csv"):
        (here / name).write_text("\n".join(lines) + "\n")
        return name

    return write


def numbered(n, line="{0},{1}"):
    return [line.format(i, (i * 7) % 11) for i in range(n)]


# ---- sources


@pytest.mark.parametrize("command", ["fit", "score", "report", "evaluate"])
def test_a_source_that_is_not_there(refused, models, here, command):
    model = [] if command == "fit" else [models / "images"]
    out = {"fit": ["--out", "m"], "score": ["--out", "s.csv"], "report": ["--out", "r.html"], "evaluate": []}[command]
    assert "nowhere: there is no such file or folder" in refused(command, *model, "nowhere", *out)
    assert here() == []


def test_a_folder_without_an_image(refused, here):
    (here / "notes").mkdir()
    assert "notes: holds no image (no file at all)" in refused("fit", "notes", *FIT)
    (here / "notes" / "a.txt").touch()
    assert "1 with .txt" in refused("fit", "notes", *FIT)
    assert here() == ["notes"]


@pytest.mark.parametrize("lines", [[], ["a,b"]])
def test_a_table_without_a_row(refused, rows, here, lines):
    (here / "t.csv").write_text("".join(f"{line}\n" for line in lines))
    assert "t.csv" in refused("fit", "t.csv", *FIT)
    assert here() == ["t.csv"]


def test_an_empty_array(refused, here):
    np.save(here / "x.npy", np.zeros((0, 4, 4)))
    assert "x.npy" in refused("fit", "x.npy", *FIT)
    assert here() == ["x.npy"]


@pytest.mark.parametrize("content", [b"", b"not really", b"PK\x03\x04 not really"])
@pytest.mark.parametrize("name", ["x.npz", "x.parquet", "x.csv.gz"])
def test_a_file_that_is_not_what_its_ending_says(refused, here, name, content):
    (here / name).write_bytes(content)
    assert name in refused("fit", name, *FIT)
    assert here() == [name]


def test_a_file_of_no_known_kind(refused, here):
    (here / "x.docx").touch()
    assert "x.docx: is of no known kind; accepted are a folder of images and files ending in" in refused(
        "fit", "x.docx", *FIT
    )


def test_a_table_with_a_ragged_line_is_told_by_its_number(refused, rows):
    assert "line 3" in refused("fit", rows("a,b", "1,2", "1,2,3", *numbered(9)), *FIT)


# ---- images


@pytest.fixture
def damaged(write_images, here):
    folder = write_images(here / "images", n=20)
    (folder / "05.png").write_bytes((folder / "05.png").read_bytes()[:60])
    (folder / "11.png").write_bytes(b"")
    return folder


def test_a_damaged_image_is_named(refused, damaged, here):
    line = refused("fit", damaged, *FIT)
    assert "05.png" in line
    assert "--on-error skip" in line
    assert here() == ["images"]


def test_damaged_images_can_be_left_out_and_are_listed(poleward, damaged, here):
    done = poleward("fit", damaged, *FIT, "--on-error", "skip", "--alpha", 0.3)
    assert done.code == 0
    assert done.err.splitlines()[0] == "2 damaged, left out:"
    assert [line.split(":")[0].strip() for line in done.err.splitlines()[1:]] == ["05.png", "11.png"]
    assert done.out.startswith("Trained on 15 samples, calibrated on 3")


@pytest.mark.parametrize("command", ["score", "report", "evaluate"])
def test_a_damaged_image_stops_or_is_left_out_of_a_ranking(poleward, refused, models, damaged, here, command):
    (damaged / "about.csv").write_text("id,odd\n" + "".join(f"{i:02d}.png,{i % 2}\n" for i in range(20)))
    out = {"score": ["--out", "s.csv"], "report": ["--out", "r.html"], "evaluate": []}[command]
    assert "05.png" in refused(command, models / "images", damaged, *out)
    assert here() == ["images"]
    done = poleward(command, models / "images", damaged, *out, "--on-error", "skip")
    assert done.code == 0
    assert "2 damaged, left out:" in done.err


def test_a_folder_of_nothing_but_damage(refused, here):
    (here / "images").mkdir()
    (here / "images" / "a.png").write_bytes(b"no")
    assert "no image can be read" in refused("fit", "images", *FIT, "--on-error", "skip")


@pytest.mark.parametrize(("size", "bands", "said"), [((9, 6), 3, "9x6 with 3 bands"), ((8, 6), 1, "8x6 with 1 band")])
def test_images_of_mixed_sizes_or_bands(refused, write_images, here, size, bands, said):
    folder = write_images(here / "images", n=12)
    write_images(here / "other", n=1, size=size, bands=bands)
    (here / "other" / "00.png").rename(folder / "07a.png")
    line = refused("fit", folder, *FIT)
    assert "07a.png" in line
    assert said in line
    assert not (here / "m").exists()


def test_an_infinite_pixel(refused, here):
    (here / "images").mkdir()
    for number in range(8):
        image = np.random.default_rng(number).normal(size=(5, 5))
        np.save(here / "images" / f"{number}.npy", np.where(np.eye(5) > 0, np.inf, image) if number == 6 else image)
    assert "6.npy: has infinite pixels" in refused("fit", "images", *FIT)


def test_images_that_are_all_alike(refused, here):
    np.save(here / "x.npy", np.full((30, 6, 6), 3.0))
    assert "same value" in refused("fit", "x.npy", *FIT)


def test_images_without_one_measured_pixel(refused, here):
    np.save(here / "x.npy", np.full((30, 6, 6), np.nan))
    assert "band 1" in refused("fit", "x.npy", *FIT)


def test_a_file_name_that_no_ranking_can_hold(refused, write_images, here):
    folder = write_images(here / "images", n=6)
    Path(os.fsdecode(b"images/07\xff.png")).write_bytes((folder / "00.png").read_bytes())
    assert r"the file name '07\udcff.png' is not UTF-8 text; rename the file" in refused("fit", "images", *FIT)


# ---- tables


@pytest.mark.parametrize("word", ["inf", "-Infinity", "1e999"])
def test_an_infinite_cell_is_told_by_column_and_row(refused, rows, here, word):
    lines = ["a,b", *numbered(20), f"1,{word}", *numbered(9)]
    assert "column 'b', row 21: " in refused("fit", rows(*lines), *FIT)
    assert here() == ["t.csv"]


def test_a_table_in_which_nothing_varies(refused, rows, here):
    assert "nothing varies" in refused("fit", rows("a,b", *["1,x"] * 20), *FIT)
    assert here() == ["t.csv"]


@pytest.mark.parametrize("n", [1, 3])
def test_too_few_rows(refused, rows, here, n):
    line = refused("fit", rows("a,b", *numbered(n)), *FIT)
    assert f"{n} sample(s) found; a detector needs at least 4" in line
    assert here() == ["t.csv"]


def test_rows_that_cannot_be_told_apart(refused, rows, here):
    line = refused("fit", rows("a,b", *["0,1", "1,0"] * 20), *FIT, "--scorer", "input-knn")
    assert "all 40 training scores are 0, so nothing can be ranked" in line
    assert here() == ["t.csv"]


def test_columns_that_differ_from_the_model_s_are_named(refused, models, rows, here):
    line = refused("score", models / "table", rows("a,colour,extra", "1,red,3"), "--out", "s.csv")
    assert "3 of the model's 5 columns are missing: 'b', 'day', 'flag'" in line
    assert here() == ["t.csv"]


def test_text_where_the_model_reads_numbers_is_told_by_column_and_row(refused, models, rows, here):
    lines = ["a,b,colour,day,flag", "1,2,red,2024-01-01,true", "1,two,red,2024-01-01,true"]
    line = refused("score", models / "table", rows(*lines), "--out", "s.csv")
    assert "column 'b', row 2: 'two' found where the model reads numbers" in line
    assert here() == ["t.csv"]


def test_a_faulty_cell_far_down_is_told_by_the_sample_that_it_is_counted_from(
    refused, models, write_table, here, monkeypatch
):
    monkeypatch.setattr(score, "ROWS_AT_A_TIME", {"images": 10, "table": 10})
    lines = write_table(here / "t.csv").read_text().splitlines()
    lines[25] = "x,1,two,red,2024-01-01,true,0"
    (here / "t.csv").write_text("\n".join(lines) + "\n")
    line = refused("score", models / "table", "t.csv", "--out", "s.csv", "--id-column", "name")
    assert line.startswith("poleward: from sample r20 on, column 'b', row 5: 'two' found")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--columns", "a,z"], "has no column 'z'"),
        (["--exclude", "z"], "has no column 'z'"),
        (["--id-column", "z"], "has no column 'z' to take ids from"),
        (["--columns", "a", "--exclude", "a"], "no column is left"),
        (["--where", "odd"], "--where is 'odd'; write it as COLUMN=VALUE"),
        (["--where", "=1"], "write it as COLUMN=VALUE"),
        (["--where", "z=1"], "--where asks for column 'z'; known are name, a, b"),
        (["--where", "odd=7"], "nothing is left after --where odd=7"),
        (["--ids", "nowhere.txt"], "nowhere.txt"),
        (["--types", "colour"], "--types is 'colour'; write it as COLUMN=TYPE"),
        (["--types", "colour=rainbow"], "accepted are numeric, categorical, ordinal, date, ignore"),
        (["--types", "colour=numeric"], "column 'colour'"),
        (["--types", "z=numeric"], "types names 'z'"),
        (["--catalogue", "x.csv"], "only such a folder has a catalogue"),
        (["--objective", "magic"], "objective = 'magic': choose one of autoencoder, variational"),
        (["--scorer", "magic"], "scorer = 'magic': choose one of"),
        (["--schedule", "magic"], "schedule = 'magic'"),
        (["--parametrisation", "magic"], "parametrisation = 'magic'"),
        (["--parametrisation", "published"], "use parametrisation 'dimension-free'"),
        (["--n-latent", "1"], "n_latent = 1: accepted is a whole number of at least 2"),
        (["--epochs", "0"], "epochs = 0"),
        (["--batch-size", "0"], "batch_size = 0"),
        (["--learning-rate", "-1"], "learning_rate = -1.0"),
        (["--weight", "nan"], "weight = nan"),
        (["--alpha", "2"], "alpha = 2.0"),
        (["--contamination", "0.9"], 'contamination = 0.9: accepted is None, "auto" or a share from 0 to 0.5'),
        (["--calibration-share", "1"], "calibration_share = 1.0"),
        (["--seed", "4294967296"], "random_state = 4294967296"),
        (["--device", "abacus"], "device 'abacus' is not available here"),
        (["--resize", "big"], "--resize is 'big'; write it as HEIGHTxWIDTH"),
    ],
)
def test_an_option_that_cannot_be_followed(refused, sources, here, words, said):
    assert said in refused("fit", sources / "table.csv", *FIT, "--exclude", "name", *words)
    assert here() == []


def test_a_way_with_damage_that_there_is_not(refused, sources, here, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # else the tests' type checker is there first
    line = refused("fit", sources / "images", *FIT, "--on-error", "pray")
    assert "on-error is 'pray'; accepted are 'stop' and 'skip'" in line
    assert here() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--columns", "a"], "holds images; only a table has columns to choose or exclude"),
        (["--where", "split=dev"], "nothing is left after --where split=dev"),
        (["--where", "colour=red"], "--where asks for column 'colour'; known are id, split, odd"),
        (["--catalogue", "nowhere.csv", "--where", "a=1"], "nowhere.csv"),
        (["--resize", "0x4"], "at least 1 pixel"),
        (["--stretch", "magic"], "stretch = 'magic'"),
        (["--nodata", "inf"], "nodata is infinite"),
    ],
)
def test_an_option_that_cannot_be_followed_for_images(refused, sources, here, words, said):
    assert said in refused("fit", sources / "images", *FIT, *words)
    assert here() == []


def test_an_id_that_is_not_found_is_named(refused, sources, here):
    (here / "ids.txt").write_text("01.png\nghost.png\n")
    assert "1 of 2 ids were not found: ghost.png" in refused("fit", sources / "images", *FIT, "--ids", "ids.txt")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--objective", "magic"], "objective = 'magic'"),
        (["--device", "abacus"], "device 'abacus'"),
        (["--objective", "variational", "--parametrisation", "published"], "'variational' is unknown (published)"),
    ],
)
def test_an_option_of_training_that_cannot_be_followed_is_told_before_the_source_is_read(refused, here, words, said):
    assert said in refused("fit", "nowhere", "--out", "m", *words)


@pytest.mark.parametrize("alpha", ["0", "1", "2", "-1", "nan"])
@pytest.mark.parametrize("command", ["score", "report"])
def test_a_level_that_is_none(refused, sources, models, here, command, alpha):
    out = {"score": "s.csv", "report": "r.html"}[command]
    line = refused(command, models / "table", sources / "table.csv", "--out", out, "--alpha", alpha)
    assert "alpha" in line
    assert here() == []


# ---- models


@pytest.mark.parametrize("command", ["score", "report", "evaluate"])
@pytest.mark.parametrize(
    ("model", "source", "said"),
    [
        ("table", "images", "trained on a table and cannot rank images"),
        ("images", "table.csv", "trained on images and cannot rank a table"),
        ("images", "arrays.npz", "8 x 6 pixels and 1 band; the model was trained on 8 x 6 pixels and 3 bands"),
    ],
)
def test_a_model_of_other_data(refused, sources, models, here, command, model, source, said):
    out = {"score": ["--out", "s.csv"], "report": ["--out", "r.html"], "evaluate": []}[command]
    assert said in refused(command, models / model, sources / source, *out)
    assert here() == []


@pytest.fixture
def model(models, here):
    return shutil.copytree(models / "table", here / "model")


def use(refused, command, model, source):
    words = {
        "score": [source, "--out", "s.csv"],
        "report": [source, "--out", "r.html"],
        "evaluate": [source],
        "sample": ["--out", "n.csv"],
    }
    return refused(command, model, *words[command])


USES = pytest.mark.parametrize("command", ["score", "report", "evaluate", "sample"])


@USES
@pytest.mark.parametrize("name", ["manifest.json", "weights.safetensors", "arrays.npz"])
def test_a_truncated_model(refused, sources, model, here, command, name):
    content = (model / name).read_bytes()
    (model / name).write_bytes(content[: len(content) // 2])
    assert str(model) in use(refused, command, model, sources / "table.csv")
    assert here() == ["model"]


@USES
def test_a_foreign_folder_and_a_file_in_place_of_a_model(refused, sources, here, command):
    assert "not a Poleward folder" in use(refused, command, sources / "images", sources / "table.csv")
    assert "table.csv" in use(refused, command, sources / "table.csv", sources / "table.csv")
    assert here() == []


@USES
def test_a_newer_model(refused, sources, model, here, command):
    manifest = json.loads((model / "manifest.json").read_text())
    (model / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    assert "update Poleward" in use(refused, command, model, sources / "table.csv")
    assert here() == ["model"]


def test_a_checkpoint_is_no_model(refused, sources, model):
    manifest = json.loads((model / "manifest.json").read_text())
    (model / "manifest.json").write_text(json.dumps(manifest | {"kind": "checkpoint"}))
    assert "holds a checkpoint, not a model" in use(refused, "score", model, sources / "table.csv")


# ---- outputs


@pytest.mark.parametrize("place", ["file/x", "/proc/x"])
def test_a_place_that_cannot_be_written(refused, sources, models, here, place):
    (here / "file").touch()
    table, images = sources / "table.csv", sources / "images"
    for words in (
        ("fit", images, "--out", place, *QUICK),
        ("score", models / "images", images, "--out", f"{place}.csv"),
        ("score", models / "images", images, "--out", f"{place}.parquet"),
        ("report", models / "images", images, "--out", f"{place}.html"),
        ("sample", models / "images", "--out", f"{place}.npy"),
        ("sample", models / "images", "--out", place),
        ("sample", models / "table", "--out", f"{place}.csv"),
        ("score", models / "table", table, "--out", f"{place}.csv"),
    ):
        assert place in refused(*words)
    assert here() == ["file"]


@pytest.mark.parametrize("out", ["notes", "file"])
def test_something_of_another_in_the_place_of_the_model(refused, sources, here, out):
    (here / "notes").mkdir()
    (here / "notes" / "thesis.tex").touch()
    (here / "file").touch()
    assert f"{out}: is a f" in refused("fit", sources / "images", "--out", out, *QUICK)
    assert here() == ["file", "notes"]


def test_the_folder_one_stands_in_cannot_become_the_model(refused, sources, here):
    assert "choose another --out" in refused("fit", sources / "images", "--out", ".", *QUICK)


@pytest.mark.parametrize(("command", "out"), [("score", "s.csv"), ("report", "r.html"), ("sample", "n.npy")])
def test_a_folder_in_the_place_of_a_file(refused, sources, models, here, command, out):
    (here / out).mkdir()
    source = [] if command == "sample" else [sources / "images"]
    assert "is a folder" in refused(command, models / "images", *source, "--out", out)
    assert here() == [out]


def test_a_ranking_in_the_place_of_its_source(refused, models, write_table, here):
    before = write_table(here / "t.csv").read_bytes()
    assert "t.csv: is the source itself" in refused("score", models / "table", "t.csv", "--out", "t.csv")
    assert (here / "t.csv").read_bytes() == before


@pytest.mark.parametrize("out", ["s.txt", "s", "s.csv.gz"])
def test_a_ranking_of_no_known_form(refused, sources, models, here, out):
    assert "a ranking ends in .csv or .parquet" in refused("score", models / "images", sources / "images", "--out", out)
    assert here() == []


@pytest.mark.parametrize(
    ("words", "n_bytes"),
    [
        (["fit", "images", "--out", "m", *QUICK], 20_000),
        (["score", "model", "images", "--out", "s.csv"], 500),
        (["score", "model", "images", "--out", "s.parquet"], 500),
        (["report", "model", "images", "--out", "r.html"], 5_000),
        (["sample", "model", "--out", "n.npy"], 500),
        (["sample", "model", "--out", "n.npz"], 500),
        (["sample", "model", "--out", "n"], 100),
        (["sample", "table model", "-n", "50", "--out", "n.csv"], 500),
        (["sample", "table model", "-n", "50", "--out", "n.parquet"], 500),
    ],
)
def test_a_disc_that_fills_up(refused, sources, models, here, disc_full_after, words, n_bytes):
    there = {"images": sources / "images", "model": models / "images", "table model": models / "table"}
    with disc_full_after(n_bytes):
        line = refused(*(there.get(word, word) for word in words))
    assert "too large" in line.lower()  # the system's words for this limit
    assert here() == []


def test_a_disc_that_fills_up_leaves_the_old_model_whole(refused, poleward, sources, models, here, disc_full_after):
    before = poleward("fit", sources / "images", *FIT)
    held = {path.name: path.read_bytes() for path in (here / "m").iterdir()}
    with disc_full_after(20_000):
        refused("fit", sources / "images", *FIT, "--scorer", "norm")
    assert before.code == 0
    assert here() == ["m"]
    assert {path.name: path.read_bytes() for path in (here / "m").iterdir()} == held


def test_a_disc_that_fills_up_at_the_end_does_not_cost_the_training(
    refused, poleward, sources, here, disc_full_after, monkeypatch
):
    from poleward.detector import storage
    from poleward.errors import OutputError
    from poleward.training import checkpoint

    monkeypatch.setattr(checkpoint, "SECONDS_BETWEEN", -1.0)
    with monkeypatch.context() as full:
        full.setattr(storage, "save_model", raises(OutputError("m: writing failed (No space left on device)")))
        refused("fit", sources / "images", *FIT)
    assert here() == ["m.checkpoint"]
    assert poleward("fit", sources / "images", *FIT, "--resume").code == 0
    assert here() == ["m"]


def raises(fault):
    def fail(*words, **options):
        raise fault

    return fail


# ---- training


@pytest.mark.parametrize("source", ["images", "table.csv"])
def test_a_dead_latent_space(refused, sources, here, monkeypatch, source):
    monkeypatch.setattr(collapse, "DEAD_SPREAD", 1e9)
    words = ["--exclude", "name"] if source == "table.csv" else []
    line = refused("fit", sources / source, *FIT, *words)
    assert "have the same latent mean" in line
    assert "try a smaller weight of the objective, more epochs, or objective 'autoencoder'" in line
    assert here() == []


def test_a_loss_that_is_not_a_number(refused, sources, here, monkeypatch):
    from poleward.autoencoder.autoencoder import Autoencoder

    def loss(model, *rest):
        broken = sum(p.sum() for p in model.parameters()) * float("nan")
        return broken, {"loss": broken.item()}

    monkeypatch.setattr(Autoencoder, "loss", loss)
    line = refused("fit", sources / "images", *FIT)
    assert "training broke down in epoch 1: loss = nan; try a smaller learning rate" in line
    assert here() == []


def test_pictures_in_a_file_name_are_not_markup_in_an_error(refused, here):
    name = "[bold]x"
    (here / name).mkdir()
    Image.new("L", (4, 4)).save(here / name / "a.png")
    assert name in refused("fit", name, *FIT, "--where", "a=1")


# ---- what libraries say of damaged files


HOSTILE_HEADERS = [b"{'descr': '<f8', 'fortran_order': False, 'shape': (3, \x00)}", b"{'descr': (((((", b"{'descr': '"]


@pytest.mark.parametrize("header", HOSTILE_HEADERS)
def test_an_array_whose_header_is_no_python(refused, here, header):
    (here / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert "x.npy: cannot be read as a NumPy file" in refused("fit", "x.npy", *FIT)
    assert here() == ["x.npy"]


def test_an_array_of_an_old_python_is_read_without_a_word(poleward, here):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (40L, 2), }".ljust(117) + b"\n"
    numbers = np.random.default_rng(0).normal(size=(40, 2))
    (here / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + numbers.tobytes())
    done = poleward("fit", "x.npy", *FIT, "--alpha", 0.2)
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("place", [b"colour", b"violet"])
def test_a_parquet_whose_text_is_no_text(refused, here, place):
    parquet.write_table(pa.table({"colour": ["violet", "red"] * 9, "a": range(18)}), here / "t.parquet")
    content = (here / "t.parquet").read_bytes()
    (here / "t.parquet").write_bytes(content.replace(place, place[:2] + b"\xff" + place[3:]))
    assert "t.parquet: cannot be read" in refused("fit", "t.parquet", *FIT)
    assert here() == ["t.parquet"]


@pytest.fixture
def one_damaged(here):
    """A folder with one sound image, and one of these bytes."""

    def write(name, content):
        (here / "i").mkdir()
        Image.fromarray(np.zeros((8, 6, 3), np.uint8)).save(here / "i" / "0.png")
        (here / "i" / name).write_bytes(content)
        return "i"

    return write


def test_what_the_tiff_library_complains_of_is_said_in_one_line(refused, one_damaged):
    assert "1.tif: cannot be read" in refused("fit", one_damaged("1.tif", b"II*\0\xff\xff\0\0"), *FIT)


def test_what_the_fits_library_complains_of_is_said_in_one_line(refused, one_damaged):
    card = b"SIMPLE  =                    T".ljust(80) + b"BITPIX  =                    8".ljust(80)
    assert "1.fits: cannot be read" in refused(
        "fit", one_damaged("1.fits", card + b"NAXIS = x".ljust(80) + b"END"), *FIT
    )


def test_too_little_memory_is_one_line(refused, models, sources, here, monkeypatch):
    def too_large(*words):
        raise MemoryError("Unable to allocate 7 TiB")

    monkeypatch.setattr("poleward.detector.model.Model.rank", too_large)
    line = refused("score", models / "images", sources / "images", "--out", "s.csv")
    assert "the memory does not suffice (Unable to allocate 7 TiB); give less at a time" in line
    assert here() == []


@pytest.mark.parametrize("decision", [3, None, {}, {"alpha": 0.01, "threshold": "high"}])
def test_a_decision_that_was_edited_beyond_sense_is_no_traceback(refused, models, here, decision):
    shutil.copytree(models / "images", here / "m")
    manifest = json.loads((here / "m" / "manifest.json").read_text())
    (here / "m" / "manifest.json").write_text(json.dumps(manifest | {"decision": decision}))
    assert "m: its parts do not fit together" in refused("info", "m")
