import base64
import io

import numpy as np
import pytest
from PIL import Image

from poleward.report.thumbnails import (
    HEAT,
    LARGEST_SIDE,
    MISSING,
    THUMBNAIL,
    colours,
    display_range,
    heat,
    jpeg_uri,
    png_uri,
    thumbnail,
)

LUMA = np.array([0.2126, 0.7152, 0.0722])


def decode(uri: str) -> np.ndarray:
    head, _, body = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


def test_an_8_bit_image_is_shown_as_it_is():
    image = np.random.default_rng(0).integers(40, 90, (5, 6, 3)).astype(np.uint8)
    np.testing.assert_array_equal(colours(image, *display_range(image)), image)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_other_images_are_stretched_from_the_1st_to_the_99th_percentile(dtype):
    image = np.arange(0, 10100, 100, dtype=dtype).reshape(1, 101, 1)
    assert display_range(image) == pytest.approx((100, 9900))


def test_the_stretch_ignores_bands_that_are_not_shown_and_missing_pixels():
    image = np.zeros((1, 101, 4))
    image[0, :, :3] = np.arange(101.0)[:, None]
    image[..., 3] = 1e9
    image[0, 50] = np.nan
    assert display_range(image) == pytest.approx((1, 99), abs=0.5)


def test_an_image_without_a_value_is_shown_as_missing():
    image = np.full((2, 2, 1), np.nan)
    assert (colours(image, *display_range(image)) == MISSING).all()


def test_a_constant_image_is_shown():
    image = np.full((2, 2, 1), 7.0)
    assert (colours(image, *display_range(image)) == 0).all()


def test_one_band_is_grey():
    pixels = colours(np.linspace(0, 1, 12).reshape(3, 4, 1), 0.0, 1.0)
    assert (pixels == pixels[..., :1]).all() and pixels.shape == (3, 4, 3)


def test_two_bands_are_red_and_green():
    assert colours(np.array([[[1.0, 0.2]]]), 0.0, 1.0).tolist() == [[[255, 51, 0]]]


def test_of_more_bands_the_first_three_are_shown():
    assert colours(np.array([[[0.0, 0.2, 1.0, 9.0, np.nan]]]), 0.0, 1.0).tolist() == [[[0, 51, 255]]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_missing_pixel_has_its_own_colour(value):
    image = np.array([[[value, 0.5, 0.5], [0.5, 0.5, 0.5]]])
    assert colours(image, 0.0, 1.0)[0].tolist() == [list(MISSING), [128, 128, 128]]
    assert heat(np.array([[value]]), 1.0)[0].tolist() == [list(MISSING)]


def test_the_heat_ramp_grows_lighter_all_the_way():
    lightness = heat(np.linspace(0, 1, 64)[None], 1.0)[0] @ LUMA
    assert (np.diff(lightness) > 0).all()


def test_no_colour_of_the_heat_ramp_is_near_that_of_missing_pixels():
    assert np.linalg.norm(HEAT - np.array(MISSING), axis=1).min() > 100


def test_a_png_holds_the_pixels_it_was_given():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3)).astype(np.uint8)
    np.testing.assert_array_equal(decode(png_uri(pixels)), pixels)


def test_a_large_picture_is_made_smaller_in_proportion():
    assert decode(png_uri(np.zeros((4 * LARGEST_SIDE, 2 * LARGEST_SIDE, 3), np.uint8))).shape == (
        LARGEST_SIDE,
        LARGEST_SIDE // 2,
        3,
    )


@pytest.mark.parametrize("shape", [(8, 8, 1), (100, 40, 3), (3, 50, 5)])
def test_a_thumbnail_is_a_small_square(shape):
    assert thumbnail(np.random.default_rng(0).random(shape)).shape == (THUMBNAIL, THUMBNAIL, 3)


def test_a_thumbnail_keeps_the_proportions_between_black_bars():
    wide = thumbnail(np.full((10, 40, 3), 200, np.uint8))
    assert not wide[:11].any() and (wide[13:19] == 200).all()


def test_a_jpeg_is_close_to_its_pixels():
    pixels = np.full((16, 16, 3), 120, np.uint8)
    content = base64.b64decode(jpeg_uri(pixels).split(",")[1])
    assert np.abs(np.asarray(Image.open(io.BytesIO(content))).astype(int) - 120).max() < 4
