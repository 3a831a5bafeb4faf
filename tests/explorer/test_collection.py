"""Collections of real models and sources."""

import numpy as np
import pytest
from PIL import Image

from poleward.data.galaxies import generate_galaxies
from poleward.data.reading import Reading
from poleward.data.selection import Selection
from poleward.data.source import open_reader, open_source
from poleward.detector.detector import Detector
from poleward.errors import SourceError
from poleward.explorer.collection import find_again, gather

SIZE, N = 16, 40
READING = Reading()


@pytest.fixture(scope="module")
def galaxies():
    return generate_galaxies(N, size=SIZE, seed=1).images


@pytest.fixture(scope="module")
def pictures_model(galaxies):
    return Detector(epochs=1, n_latent=4, correction=True, random_state=0).fit(galaxies).model_


@pytest.fixture(scope="module")
def folder(galaxies, tmp_path_factory):
    place = tmp_path_factory.mktemp("sources") / "images"
    place.mkdir()
    for number, image in enumerate(galaxies):
        Image.fromarray(image).save(place / f"{number:02d}.png")
    (place / "about.csv").write_text("id,z\n" + "".join(f"{n:02d}.png,{n / 10}\n" for n in range(N)))
    return place


@pytest.fixture(scope="module")
def arrays(galaxies, tmp_path_factory):
    path = tmp_path_factory.mktemp("arrays") / "galaxies.npz"
    np.savez(path, X=galaxies, z=np.arange(N) / 10)
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "rows.csv"
    rng = np.random.default_rng(0)
    lines = [f"r{n},{rng.normal():.4f},{'red' if n % 2 else 'green'},{n}" for n in range(60)]
    path.write_text("\n".join(["name,a,colour,extra", *lines]) + "\n")
    return path


def collected(model, path, selection=None, reading=READING):
    selection = selection or Selection()
    source = open_source(path, selection=selection, reading=reading)
    parts = ((batch.data, model.rank(batch.data, batch.ids)) for batch in source.batches(16))
    return gather(model, path.name, parts, path, selection, reading)


@pytest.mark.parametrize("source", ["folder", "arrays"])
def test_images_are_ranked_and_read_again_one_by_one(pictures_model, galaxies, source, request):
    found = collected(pictures_model, request.getfixturevalue(source))
    assert len(found) == N
    assert found.codes.shape == (N, 4)
    np.testing.assert_allclose(found.ranking.score, pictures_model.scores(galaxies))
    np.testing.assert_array_equal(found.image(17), galaxies[17])
    evidence = found.evidence(17)
    np.testing.assert_array_equal(evidence["image"], galaxies[17])
    assert evidence["reconstruction"].shape == galaxies[17].shape
    np.testing.assert_allclose(found.columns["z"], np.arange(N) / 10)
    assert 0 < found.residual_top < 1
    assert found.correction(17).data.shape == (1, SIZE, SIZE, 3)


def test_selected_samples_have_their_own_rows(pictures_model, galaxies, folder):
    found = collected(pictures_model, folder, Selection(where=(("z", "3.3"),)))
    assert found.ranking.id == ["33.png"]
    np.testing.assert_array_equal(found.image(0), galaxies[33])


def test_a_damaged_image_is_passed_over(pictures_model, galaxies, folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "05.png").write_bytes(b"no picture")
    found = collected(pictures_model, tmp_path, reading=Reading(on_error="skip"))
    assert len(found) == N - 1
    assert found.ranking.id[5] == "06.png"
    np.testing.assert_array_equal(found.image(5), galaxies[6])
    assert found.columns["z"][5] == 0.6


def test_tables_that_lie_beside_images_by_chance_are_no_reason_to_stop(pictures_model, folder, tmp_path):
    for path in folder.glob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("x\n1\n")
    assert dict(collected(pictures_model, tmp_path).columns) == {}


def test_rows_have_cells_and_all_columns_of_their_file(table):
    model = Detector(epochs=1, n_latent=3, random_state=0, scorer="input-knn")
    selection = Selection(exclude=("extra",), id_column="name")
    data = next(open_source(table, selection=selection).batches(100)).data
    found = collected(model.fit(data).model_, table, selection)
    assert found.image is None
    assert {cell.column for cell in found.evidence(3)["cells"]} == {"a", "colour"}
    assert found.columns["extra"].tolist() == list(range(60))
    assert found.columns["colour"][:2].tolist() == ["green", "red"]


def test_a_source_that_changed_meanwhile_is_named(folder):
    reader = open_reader(folder, Selection(), READING)
    with pytest.raises(SourceError, match="has changed while it was read"):
        find_again(reader, Selection(), folder, [*reader.ids, "later.png"])


def test_an_image_that_vanished_is_named_when_it_is_looked_at(pictures_model, folder, tmp_path):
    for path in folder.glob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    found = collected(pictures_model, tmp_path)
    (tmp_path / "39.png").unlink()
    with pytest.raises(SourceError, match=r"39\.png: cannot be read"):
        found.image(39)
