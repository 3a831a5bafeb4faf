import numpy as np
import pytest
from PIL import Image

from poleward.benchmark import generation
from poleward.benchmark.galleries import digits, made_task
from poleward.benchmark.generation import Gallery, choice_figures, course, figures, norm_figures


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return out, list(figures(lambda seed: small(digits(seed)), range(1), 1, out, lambda line: None))


def small(gallery, n=60):
    return Gallery(gallery.name, gallery.train[:n], gallery.held_out[:n], gallery.labels[:n])


def test_every_maker_is_measured_beside_real_images(measured):
    names = [figure.name for figure in measured[1]]
    for row in generation.MAKERS:
        assert sum(name.endswith(f", {row}") for name in names) == 3
    assert "digits, Frechet distance, real training images" in names


def test_real_images_are_likest(measured):
    distances = {figure.name: figure.value.typical for figure in measured[1] if "Frechet" in figure.name}
    assert min(distances, key=distances.get).endswith("real training images")


def test_a_grid_of_pictures_has_a_row_for_held_out_images_and_each_maker(measured):
    with Image.open(measured[0] / "generation-digits.png") as picture:
        assert picture.size == (8 * generation.SHOWN, 8 * (1 + len(generation.MAKERS)))


def test_the_norms_term_keeps_codes_near_the_centre():
    task = made_task(0)
    norm, plain = (course(objective, task, 3, 0) for objective in ("norm", "autoencoder"))
    assert len(norm.norms) == len(norm.aurocs) == 3
    assert norm.norms[-1] < plain.norms[-1]


def test_looking_after_every_epoch_does_not_change_the_training():
    task = made_task(0)
    looked, again = course("norm", task, 2, 0), course("norm", task, 2, 0)
    assert looked == again


def test_norms_are_told_for_both_objectives():
    names = [figure.name for figure in norm_figures("n", made_task, range(1), 2, lambda line: None)]
    assert (
        "n, norm, mean norm of the codes in epoch 2" in names
        and "n, autoencoder, mean norm of the codes in epoch 1" in names
    )


def test_choosing_with_labels_is_told_beside_choosing_without():
    values = {figure.name: figure.value.typical for figure in choice_figures("n", np.array([[0.5, 0.9, 0.6]]))}
    assert [round(value, 3) for value in values.values()] == [0.6, 0.9, 0.3]
    assert "no labels" in next(iter(values))
