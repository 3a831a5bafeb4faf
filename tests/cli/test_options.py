import csv
import json

import pytest

from poleward.data.rankings import read_ranking

QUICK = ("--epochs", 1, "--n-latent", 3)


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def ids_of(path):
    return list(read_ranking(path).id)


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--objective", "vmf"], "objective", "vmf"),
        (["--scorer", "norm"], "scorer", "norm"),
        (["--n-latent", "5"], "n_latent", 5),
        (["--epochs", "2"], "epochs", 2),
        (["--batch-size", "7"], "batch_size", 7),
        (["--learning-rate", "0.01"], "learning_rate", 0.01),
        (["--weight", "0.5"], "weight", 0.5),
        (["--schedule", "linear"], "schedule", "linear"),
        (["--n-neighbors", "1"], "n_neighbors", 1),
        (["--alpha", "0.1"], "alpha", 0.1),
        (["--contamination", "0.2"], "contamination", 0.2),
        (["--calibration-share", "0.4"], "calibration_share", 0.4),
        (["--types", "colour=ignore,day=categorical"], "types", {"colour": "ignore", "day": "categorical"}),
    ],
)
def test_an_option_of_fit_reaches_the_model(poleward, sources, here, words, name, value):
    done = poleward("fit", sources / "table.csv", "--out", "m", "--exclude", "name,odd", *QUICK, *words)
    assert done.code == 0, done.err
    assert manifest(here / "m")["settings"][name] == value


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--stretch", "asinh"], "stretch", "asinh"),
        (["--nodata", "0"], "nodata", 0.0),
        (["--parametrisation", "published"], "parametrisation", "published"),
        (["--resize", "4x4"], None, [4, 4]),
    ],
)
def test_an_option_for_images_reaches_the_model(poleward, sources, here, words, name, value):
    assert poleward("fit", sources / "images", "--out", "m", "--limit", 12, *QUICK, *words).code == 0
    found = manifest(here / "m")
    assert (found["settings"][name] if name else found["preparation"]["size"]) == value


def test_the_seed_is_kept_and_decides_the_weights(poleward, sources, here):
    for out, seed in (("a", 3), ("b", 3), ("c", 4)):
        poleward("fit", sources / "table.csv", "--out", out, "--exclude", "name,odd", "--seed", seed, *QUICK)
    a, b, c = ((here / out / "weights.safetensors").read_bytes() for out in "abc")
    assert a == b
    assert a != c
    assert manifest(here / "a")["facts"]["seed"] == 3


def test_limit_takes_the_first(poleward, sources, models, here):
    poleward("score", models / "images", sources / "images", "--out", "s.csv", "--limit", 3)
    assert ids_of(here / "s.csv") == ["00.png", "01.png", "02.png"]


def test_where_takes_those_whose_catalogue_says_so(poleward, sources, models, here):
    words = ["--where", "split=test", "--where", "odd=0"]
    assert poleward("score", models / "images", sources / "images", "--out", "s.csv", *words).code == 0
    assert ids_of(here / "s.csv") == [f"{i:02d}.png" for i in range(0, 36, 4)]


def test_where_takes_rows_by_a_column_that_the_model_does_not_see(poleward, sources, models, here):
    words = ["--where", "odd=1", "--id-column", "name"]
    assert poleward("score", models / "table", sources / "table.csv", "--out", "s.csv", *words).code == 0
    assert ids_of(here / "s.csv") == [f"r{i}" for i in range(0, 120, 10)]


@pytest.mark.parametrize("form", ["lines", "column"])
def test_ids_takes_those_named_in_a_file(poleward, sources, models, here, form):
    path = here / ("ids.txt" if form == "lines" else "ids.csv")
    path.write_text("07.png\n02\n" if form == "lines" else "note,id\nx,07.png\ny,02\n")
    assert poleward("score", models / "images", sources / "images", "--out", "s.csv", "--ids", path).code == 0
    assert ids_of(here / "s.csv") == ["02.png", "07.png"]


def test_ids_are_row_numbers_when_no_column_names_them(poleward, sources, models, here):
    poleward("fit", sources / "table.csv", "--out", "m", "--exclude", "name,odd", *QUICK)
    poleward("score", "m", sources / "table.csv", "--out", "s.csv", "--limit", 2)
    assert ids_of(here / "s.csv") == ["0", "1"]


@pytest.mark.parametrize("command", ["score", "report"])
def test_the_id_column_of_training_names_what_is_ranked(poleward, sources, models, here, command):
    poleward(command, models / "table", sources / "table.csv", "--out", "s.csv", "--limit", 2)
    assert "r1" in (here / "s.csv").read_text()


def test_where_a_source_lacks_the_id_column_of_training_its_rows_are_numbered(poleward, sources, models, here):
    import pandas as pd

    pd.read_csv(sources / "table.csv", dtype=str).drop(columns="name").to_csv("bare.csv", index=False)
    assert poleward("score", models / "table", "bare.csv", "--out", "s.csv", "--limit", 2).code == 0
    assert ids_of(here / "s.csv") == ["0", "1"]


def test_an_id_column_that_is_said_comes_before_that_of_training(poleward, sources, here):
    words = ["--id-column", "day", "--limit", 1]
    poleward("fit", sources / "table.csv", "--out", "m", "--id-column", "name", "--columns", "a,b", *QUICK)
    assert poleward("score", "m", sources / "table.csv", "--out", "s.csv", *words).code == 0
    assert ids_of(here / "s.csv") == ["2024-01-01"]


def test_limit_is_part_of_what_info_says(poleward, sources, here):
    poleward("fit", sources / "table.csv", "--out", "m", "--where", "odd=0", "--limit", 50, "--columns", "a,b", *QUICK)
    assert "data table.csv --where odd=0 --limit 50, 50 rows" in " ".join(poleward("info", "m").out.split())


def test_false_alarms_in_rows_are_the_level_of_a_model(poleward, sources, here):
    words = ["--alarms", "100/1000", "--exclude", "name,odd"]
    assert poleward("fit", sources / "table.csv", "--out", "m", *QUICK, *words).code == 0
    assert manifest(here / "m")["settings"]["alpha"] == 0.1


def test_contamination_can_be_left_to_be_estimated(poleward, sources, here):
    words = ["--contamination", "auto", "--exclude", "name,odd", "--scorer", "input-knn"]
    done = poleward("fit", sources / "table.csv", "--out", "m", *QUICK, *words)
    found = manifest(here / "m")
    assert found["settings"]["contamination"] == "auto"
    assert f"about {found['facts']['contamination']:.1%} of the training data are taken to be anomalies" in done.err


@pytest.mark.parametrize("command", ["fit", "score", "report", "evaluate"])
def test_a_level_is_said_in_one_way(refused, sources, models, here, command):
    model = [] if command == "fit" else [models / "table"]
    out = [] if command == "evaluate" else ["--out", "o.csv"]
    said = refused(command, *model, sources / "table.csv", *out, "--alpha", 0.1, "--alarms", "1/10")
    assert said == "poleward: --alpha and --alarms were both said; a decision is taken at one of them\n"


@pytest.mark.parametrize("command", ["score", "report", "evaluate"])
def test_false_alarms_are_written_as_so_many_in_so_many_rows(refused, sources, models, here, command):
    out = [] if command == "evaluate" else ["--out", "o.csv"]
    assert "for example 10/1000" in refused(command, models / "table", sources / "table.csv", *out, "--alarms", "1%")


@pytest.mark.parametrize(
    ("words", "columns"),
    [
        (["--columns", "a, b"], ["a", "b"]),
        (["--exclude", "name,odd,day"], ["a", "b", "colour", "flag"]),
        (["--columns", "a,b,day", "--exclude", "b"], ["a", "day"]),
        (["--id-column", "name", "--exclude", "odd"], ["a", "b", "colour", "day", "flag"]),
    ],
)
def test_columns_are_chosen(poleward, sources, here, words, columns):
    assert poleward("fit", sources / "table.csv", "--out", "m", *QUICK, *words).code == 0
    assert [column["name"] for column in manifest(here / "m")["preparation"]["columns"]] == columns


def test_resizing_and_nodata_of_training_hold_for_scoring(poleward, sources, here):
    words = ["--limit", 12, "--resize", "4x4", "--nodata", "7"]
    poleward("fit", sources / "images", "--out", "m", *QUICK, *words)
    assert poleward("score", "m", sources / "images", "--out", "s.csv", "--limit", 12).code == 0
    assert read_ranking(here / "s.csv").in_training.all()


def test_one_array_of_many_is_named(poleward, here):
    import numpy as np

    rng = np.random.default_rng(0)
    np.savez(here / "z.npz", left=rng.normal(size=(20, 3)), right=rng.normal(size=(20, 5)))
    assert poleward("fit", "z.npz", "--out", "m", "--array", "right", *QUICK).code == 0
    assert len(manifest(here / "m")["preparation"]["columns"]) == 5


def test_a_catalogue_elsewhere_is_named(poleward, sources, models, here):
    (here / "about.csv").write_text("id,kind\n03.png,good\n")
    words = ["--catalogue", "about.csv", "--where", "kind=good"]
    assert poleward("score", models / "images", sources / "images", "--out", "s.csv", *words).code == 0
    assert ids_of(here / "s.csv") == ["03.png"]


@pytest.mark.parametrize("command", ["score", "report", "evaluate"])
def test_the_device_can_be_named(poleward, sources, models, here, command):
    out = {"score": ["--out", "s.csv"], "report": ["--out", "r.html"], "evaluate": []}[command]
    assert poleward(command, models / "images", sources / "images", "--device", "cpu", *out).code == 0


def test_a_config_file_gives_options_and_the_command_line_comes_first(poleward, sources, here):
    (here / "c.toml").write_text(
        'objective = "moments"\nn-latent = 4\nepochs = 1\nexclude = "name,odd"\nwhere = ["odd=0"]\nout = "m"\n'
    )
    assert poleward("fit", sources / "table.csv", "--config", "c.toml", "--objective", "vmf").code == 0
    found = manifest(here / "m")
    assert found["settings"]["objective"] == "vmf"
    assert found["settings"]["n_latent"] == 4
    assert found["facts"]["n_samples"] == 108


@pytest.mark.parametrize("command", ["fit", "score", "report", "evaluate", "sample"])
def test_a_config_file_with_an_option_that_there_is_not_is_refused(refused, sources, models, here, command):
    (here / "c.toml").write_text("objektive = 3\n")
    source = [] if command == "sample" else [sources / "images"]
    model = [] if command == "fit" else [models / "images"]
    out = [] if command == "evaluate" else ["--out", "o.csv"]
    line = refused(command, *model, *source, *out, "--config", "c.toml")
    assert line == "poleward: c.toml: this command has no option objektive\n"


def test_a_config_file_holds_a_value_of_the_right_kind(refused, sources, here):
    (here / "c.toml").write_text('epochs = "many"\n')
    assert "--epochs" in refused("fit", sources / "images", "--out", "m", "--config", "c.toml")


@pytest.mark.parametrize("text", ["epochs = ", "\xff"])
def test_a_config_file_that_is_not_toml_is_refused(refused, sources, here, text):
    (here / "c.toml").write_bytes(text.encode("latin-1"))
    assert "c.toml: is not TOML" in refused("fit", sources / "images", "--out", "m", "--config", "c.toml")


def test_a_config_file_that_is_not_there_is_refused(refused, sources):
    assert "nowhere.toml" in refused("fit", sources / "images", "--out", "m", "--config", "nowhere.toml")


def test_ids_with_commas_and_quotes_are_kept(poleward, here):
    with (here / "t.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["id", "a", "b"])
        lines.writerows([[f'say "{i}", twice', i, (i * 7) % 11] for i in range(30)])
    poleward("fit", "t.csv", "--out", "m", "--id-column", "id", *QUICK)
    poleward("score", "m", "t.csv", "--out", "s.csv", "--id-column", "id")
    assert ids_of(here / "s.csv")[3] == 'say "3", twice'
