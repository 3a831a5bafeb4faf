"""Models with class labels on the command line: fit --labels, score, evaluate, info, audit."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from poleward.data.classes import read_classes
from poleward.data.rankings import read_ranking

QUICK = ("--epochs", 6, "--width", 16, "--batch-size", 32, "--learning-rate", 0.05)


def heaps(n=90, seed=0, n_classes=3):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, 3)) + 8 * np.eye(3)[y % 3], np.array(["ant", "bee", "cat", "dog"])[y]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A table with a column of classes, a file of labels, an npz, and a model of the table."""
    from poleward.cli.app import app

    folder = tmp_path_factory.mktemp("labelled")
    X, y = heaps()
    for name, rows, names in (("t.csv", X, y), ("new.csv", *heaps(60, 1))):
        with (folder / name).open("w", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(["name", "a", "b", "c", "kind"])
            lines.writerows([f"r{i}", *row, label] for i, (row, label) in enumerate(zip(rows, names, strict=True)))
    (folder / "labels.csv").write_text("id,label\n" + "".join(f"r{i},{label}\n" for i, label in enumerate(y)))
    np.savez(folder / "a.npz", X=X, kind=y)
    words = ["fit", folder / "t.csv", "--labels", "kind", "--id-column", "name", "--out", folder / "m", *QUICK]
    assert app([*map(str, words)], standalone_mode=False) is None
    return folder


def test_a_column_of_labels_is_not_learned_from(poleward, place):
    manifest = json.loads(poleward("info", place / "m", "--json").out)
    assert manifest["kind"] == "classifier"
    assert [column["name"] for column in manifest["preparation"]["columns"]] == ["a", "b", "c"]
    assert manifest["classes"]["values"] == ["ant", "bee", "cat"]


def test_info_names_the_classes_with_their_counts(poleward, place):
    said = poleward("info", place / "m").out
    assert "3: ant (30), bee (30), cat (30)" in said
    assert "accuracy on calibration samples" in said


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("more", [(), ("--fdr", 0.2)], ids=["level", "fdr"])
def test_a_score_has_class_and_confidence(poleward, place, here, ending, more):
    done = poleward("score", place / "m", place / "new.csv", "--out", f"r.{ending}", *more)
    assert done.code == 0, done.err
    ranking = read_ranking(f"r.{ending}")
    assert ranking.id[:2] == ["r0", "r1"]
    assert np.mean(np.array(ranking.label) == heaps(60, 1)[1]) > 0.95
    assert ((ranking.confidence > 1 / 3) & (ranking.confidence <= 1)).all()
    assert not ranking.in_training.any()


def test_the_csv_has_the_two_columns_last(poleward, place, here):
    poleward("score", place / "m", place / "new.csv", "--out", "r.csv")
    header = (here / "r.csv").read_text().splitlines()[0]
    assert header == "id,score,p_value,is_anomaly,in_training,class,confidence"


def test_labels_come_from_a_file_by_id(poleward, place, here):
    words = ("--id-column", "name", "--exclude", "kind")
    done = poleward("fit", place / "t.csv", "--labels", place / "labels.csv", "--out", "m", *words, *QUICK)
    assert done.code == 0, done.err
    assert "of 3 classes" in done.out


def test_labels_come_from_an_array_of_the_npz(poleward, place, here):
    done = poleward("fit", place / "a.npz", "--labels", "kind", "--out", "m", *QUICK)
    assert done.code == 0, done.err
    assert "of 3 classes" in done.out


@pytest.fixture
def folders(here):
    """Bright and dark images in folders of their own."""
    rng = np.random.default_rng(0)
    for name, level in (("bright", 180), ("dark", 20)):
        (here / "images" / name).mkdir(parents=True)
        for number in range(12):
            pixels = (level + rng.integers(0, 40, (8, 8))).astype(np.uint8)
            Image.fromarray(pixels).save(here / "images" / name / f"{number}.png")
    return here


def test_folders_name_the_classes_of_images(poleward, folders):
    fit = ("fit", "images", "--labels", "folders", "--out", "m", "--width", 4, "--epochs", 8, "--batch-size", 8)
    done = poleward(*fit, "--no-augment")
    assert done.code == 0, done.err
    done = poleward("evaluate", "m", "images", "--labels", "folders", "--json")
    assert json.loads(done.out)["accuracy"] > 0.8
    assert "auroc" not in json.loads(done.out)


def test_names_of_folders_do_not_care_for_a_table_that_lies_beside_them(folders):
    (folders / "orders.csv").write_text("who,what\n1,2\n")
    classes = read_classes("folders", folders / "images")
    assert sorted(set(classes.of_all(["bright/0.png", "dark/3.png"]))) == ["bright", "dark"]


def test_evaluate_counts_classes_and_takes_other_ones_as_anomalies(poleward, place, here):
    X, y = heaps(80, 2, n_classes=4)
    X[y == "dog"] += 50
    lines = [f"r{i},{a},{b},{c},{label}\n" for i, ((a, b, c), label) in enumerate(zip(X, y, strict=True))]
    (here / "t.csv").write_text("name,a,b,c,kind\n" + "".join(lines))
    words = ("evaluate", place / "m", "t.csv", "--labels", "kind", "--id-column", "name")
    figures = json.loads(poleward(*words, "--alpha", 0.1, "--json").out)
    assert figures["n_of_known_classes"] == 60
    assert figures["n_anomalous"] == 20
    assert figures["accuracy"] > 0.95
    assert figures["auroc"] > 0.95
    assert figures["accepted"] == pytest.approx(1 - figures["false_alarms"])
    said = poleward(*words).out
    assert "balanced accuracy" in said
    assert "20 anomalies among 80 samples" in said


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("nowhere", "t.csv: has no column 'nowhere' to take labels from; its columns are a, b, c, kind"),
        ("nowhere.csv", "nowhere.csv: there is no such file"),
        (
            "few.csv",
            "few.csv, column 'label': 88 of 90 samples have no label (r2, r3, r4, ... (88 in all)); label them",
        ),
        ("stranger.csv", "1 of 91 ids are not in the source (r90 against r0, r1, ... (90 in all))"),
        ("twice.csv", "names a sample more than once"),
        ("one.csv", "all 90 samples have the label 'ant'; a classifier needs at least two classes"),
        ("wide.csv", "wide.csv: a file of labels has a column of ids and a column 'label'"),
    ],
)
def test_labels_that_cannot_be_used_are_one_line(refused, place, here, labels, said):
    _, y = heaps()
    every = [f"r{i},{label}\n" for i, label in enumerate(y)]
    files = {
        "few.csv": every[:2],
        "stranger.csv": [*every, "r90,ant\n"],
        "twice.csv": [*every, "r3,ant\n"],
        "one.csv": [f"r{i},ant\n" for i in range(90)],
    }
    for name, lines in files.items():
        (here / name).write_text("id,label\n" + "".join(lines))
    (here / "wide.csv").write_text("id,x,y\nr0,1,2\n")
    found = refused("fit", place / "t.csv", "--labels", labels, "--id-column", "name", "--out", "m", *QUICK)
    assert said in found
    assert not (here / "m").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--labels", "kind", "--n-latent", 3), "--n-latent does not go with --labels"),
        (("--labels", "kind", "--correction"), "--correction does not go with --labels"),
        (("--width", 3), "--width goes with --labels"),
        (("--labels", "kind", "--objective", "vmf"), "objective = 'vmf': choose one of islands"),
    ],
)
def test_options_of_the_other_kind_of_model_are_one_line(refused, place, here, words, said):
    assert said in refused("fit", place / "t.csv", "--id-column", "name", "--out", "m", *words)


def test_a_detector_knows_no_classes(refused, models, sources):
    for command in ("audit", "evaluate"):
        said = refused(command, models / "table", sources / "table.csv", "--labels", "colour")
        assert "is a detector, which knows no classes; fit a model with --labels" in said


@pytest.mark.parametrize(
    "words",
    [
        ("sample", "{m}", "--out", "x.csv"),
        ("explain", "{m}", "{t}", "--out", "x.npz"),
        ("export", "{m}", "--onnx", "x"),
        ("report", "{m}", "{t}", "--out", "x.html"),
        ("correct", "{m}", "{t}", "--out", "x.csv"),
        ("explore", "{m}", "{t}"),
        ("recalibrate", "{m}", "{t}", "--out", "x"),
        ("update", "{m}", "{t}", "--out", "x"),
        ("watch", "{m}", "{t}"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_for_detectors_says_what_the_folder_holds_and_what_takes_it(refused, place, here, words):
    said = refused(*(word.format(m=place / "m", t=place / "new.csv") for word in words))
    assert "m: holds a classifier, not a model" in said
    assert "it was fitted with --labels, and score, evaluate, audit, figure, info and serve take it" in said
    assert here() == []


@pytest.mark.parametrize("kind", ["roc", "histogram", "sphere", "angles"])
def test_a_figure_of_a_classifier_is_drawn(poleward, place, here, kind):
    words = ("--kind", kind, "--out", "f.svg", "--truth-column", "kind", "--normal", "ant")
    done = poleward("figure", place / "m", place / "new.csv", *words)
    assert (done.code, done.err) == (0, "")
    assert (here / "f.svg").read_text().startswith("<?xml")


def test_a_classifier_does_not_rank_on_a_cluster(refused, place, here):
    said = refused("score", place / "m", place / "new.csv", "--out", "r.csv", "--engine", "ray")
    assert "leave --engine out" in said


def test_an_audit_finds_flipped_labels_and_copies(poleward, place, here):
    lines = (place / "t.csv").read_text().splitlines()
    flipped = {4: "cat", 9: "bee"}  # r3, r8
    for at, label in flipped.items():
        lines[at] = lines[at].rpartition(",")[0] + f",{label}"
    lines.append("r90," + lines[1].partition(",")[2])
    cells = lines[2].split(",")
    lines.append(",".join(["r91", str(float(cells[1]) + 1e-4), *cells[2:]]))
    (here / "t.csv").write_text("\n".join(lines) + "\n")
    words = ("--id-column", "name")
    assert poleward("fit", "t.csv", "--labels", "kind", *words, "--out", "m", *QUICK).code == 0
    done = poleward("audit", "m", "t.csv", *words, "--out", "labels.csv", "--copies", "copies.csv")
    assert done.code == 0, done.err
    doubts = list(csv.DictReader((here / "labels.csv").read_text().splitlines()))
    assert {doubt["id"]: doubt["suggested"] for doubt in doubts[:2]} == {"r3": "ant", "r8": "cat"}
    said = [float(doubt["probability"]) for doubt in doubts]
    assert said == sorted(said, reverse=True)
    pairs = {
        (pair["id"], pair["copy_of"]): pair["exact"]
        for pair in csv.DictReader((here / "copies.csv").read_text().splitlines())
    }
    assert pairs == {("r90", "r0"): "true", ("r91", "r1"): "false"}
    assert f"{len(doubts)} of 92 labels may be wrong; 2 near-duplicates" in done.out
    assert "r3" in done.out
    relabelled = poleward("audit", "m", "t.csv", "--labels", "kind", *words)
    assert f"{len(doubts)} of 92 labels may be wrong" in relabelled.out
