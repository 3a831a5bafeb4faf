import numpy as np
import pytest
from sklearn.datasets import load_digits

from poleward.data.digits import load_digits_task
from poleward.errors import SettingError


@pytest.mark.parametrize("odd_digit", [0, 9])
def test_the_odd_digit_is_judged_and_never_learned(odd_digit):
    task = load_digits_task(odd_digit=odd_digit)
    assert task.is_odd.tolist() == [name == str(odd_digit) for name in task.kind]
    assert task.is_odd.sum() == (load_digits().target == odd_digit).sum()


def test_every_image_is_used_once_at_fifteen_times_its_published_ink():
    task = load_digits_task()
    published = 15 * load_digits().images[..., None]
    used = np.concatenate([task.train, task.test])
    assert used.dtype == np.uint8
    np.testing.assert_array_equal(
        np.sort(used.reshape(len(used), 64), axis=0), np.sort(published.reshape(-1, 64), axis=0)
    )
    assert used.shape == published.shape


def test_three_tenths_of_the_normal_digits_are_held_out():
    task = load_digits_task()
    held_out = (~task.is_odd).sum()
    assert held_out / (held_out + len(task.train)) == pytest.approx(0.3, abs=0.001)


def test_the_names_belong_to_the_images():
    bundled = load_digits()
    names = {
        (15 * image).astype(np.uint8).tobytes(): str(name)
        for image, name in zip(bundled.images, bundled.target, strict=True)
    }
    task = load_digits_task(seed=3)
    assert list(task.kind) == [names[image.tobytes()] for image in task.test]


def test_the_seed_decides_what_is_held_out():
    once, again, other = (load_digits_task(seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once.train, again.train)
    assert np.any(once.train != other.train)


def test_odd_and_normal_digits_are_mixed():
    assert 0 < load_digits_task().is_odd[:100].sum() < 100


@pytest.mark.parametrize(("setting", "value"), [("odd_digit", 10), ("odd_digit", -1), ("seed", -1)])
def test_a_setting_out_of_range_is_named(setting, value):
    with pytest.raises(SettingError, match=f"{setting} is .*found {value}"):
        load_digits_task(**{setting: value})
