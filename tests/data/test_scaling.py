import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from poleward.data import scaling
from poleward.data.scaling import STRETCHES, BandScale, ImagePreparation, RobustScale, into_dtype
from poleward.errors import SchemaError, SettingError, SourceError

SHAPES = hnp.array_shapes(min_dims=4, max_dims=4, min_side=1, max_side=4)
NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def images(draw, dtype="uint8", **cells):
    pixels = draw(hnp.arrays(dtype, SHAPES, **cells))
    pixels.flat[0] = 1 if pixels.size == 1 or pixels.flat[-1] == 0 else 0
    return np.concatenate([pixels, np.full_like(pixels[:1], 100), np.zeros_like(pixels[:1])])


def column(*values):
    """One image of one column and one band."""
    return np.array(values).reshape(1, -1, 1, 1)


@given(hnp.arrays(float, st.integers(2, 40), elements=NUMBERS), NUMBERS)
def test_a_robust_scale_is_undone(x, new):
    scale = RobustScale.of(x)
    values = np.append(x, new)
    tolerance = 1e-9 * np.abs(values).max()
    np.testing.assert_allclose(scale.restore(scale.prepare(values)), values, rtol=1e-9, atol=tolerance)


def test_a_robust_scale_measures_by_the_quartiles():
    scale = RobustScale.of(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    assert (scale.median, scale.spread) == (2.0, 2 / scaling.NORMAL_IQR)


@pytest.mark.parametrize(("factor", "stretch"), [(0.99, "linear"), (1.01, "asinh")])
def test_the_stretch_turns_at_ten_spreads(factor, stretch):
    x = np.array([-1.0, 0.0, 0.0, 1.0, 0.0, 1.0, -1.0, 1.0, -1.0])
    far = factor * scaling.HEAVY_TAIL * 2 / scaling.NORMAL_IQR
    assert RobustScale.of(np.append(x, [far, -far])).stretch == stretch


@given(images(), st.sampled_from(STRETCHES))
def test_decoding_undoes_encoding_of_whole_numbers(pixels, stretch):
    preparation = ImagePreparation(stretch).fit(pixels)
    decoded = preparation.decode(preparation.encode(pixels).values)
    assert decoded.dtype == pixels.dtype
    np.testing.assert_array_equal(decoded, pixels)


@given(images("float64", elements=st.floats(-1000, 1000)), st.sampled_from(STRETCHES))
def test_decoding_undoes_encoding_of_measurements_to_single_precision(pixels, stretch):
    preparation = ImagePreparation(stretch).fit(pixels)
    decoded = preparation.decode(preparation.encode(pixels).values)
    np.testing.assert_allclose(decoded, pixels, atol=2e-2 if stretch == "asinh" else 2e-3)


@given(images("float32", elements=st.floats(0, 100, width=32) | st.just(np.nan)), st.randoms(use_true_random=False))
def test_each_image_is_encoded_by_itself(pixels, random):
    rows = random.sample(range(len(pixels)), random.randint(1, len(pixels)))
    preparation = ImagePreparation().fit(pixels)
    np.testing.assert_array_equal(preparation.encode(pixels[rows]).values, preparation.encode(pixels).values[rows])


@given(images("float32", elements=st.floats(0, 100, width=32) | st.just(np.nan)), st.sampled_from(STRETCHES))
def test_a_manifest_that_went_through_json_encodes_the_same(pixels, stretch):
    preparation = ImagePreparation(stretch, nodata=-1).fit(pixels)
    again = ImagePreparation.from_manifest(json.loads(json.dumps(preparation.to_manifest(), allow_nan=False)))
    first, second = preparation.encode(pixels), again.encode(pixels)
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.observed, second.observed)
    assert again.decode(second.values).dtype == pixels.dtype
    assert (again.blocks, again.describe(), again.has_missing) == (
        preparation.blocks,
        preparation.describe(),
        preparation.has_missing,
    )


def test_the_chunks_leave_no_seam(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 3, 2, 2), dtype=np.uint8)
    whole = ImagePreparation().fit(pixels).encode(pixels).values
    monkeypatch.setattr(scaling, "CHUNK_CELLS", 24)
    preparation = ImagePreparation().fit(pixels)
    np.testing.assert_array_equal(preparation.encode(pixels).values, whole)
    np.testing.assert_array_equal(preparation.decode(whole), pixels)


def test_bands_come_first_and_each_has_its_own_scale():
    pixels = np.array([[[[0, 10], [4, 10]], [[2, 30], [1, 50]]]], dtype=np.uint16)
    features = ImagePreparation().fit(pixels).encode(pixels)
    assert features.values.dtype == np.float32
    assert features.values.tolist() == [[[[0, 1], [0.5, 0.25]], [[0, 0], [0.5, 1]]]]
    assert features.observed is None


def test_percentiles_disregard_a_few_hot_pixels():
    pixels = column(*range(1001), 10**6)
    band = ImagePreparation("percentile").fit(pixels).bands[0]
    assert (band.low, band.high) == pytest.approx(np.percentile(pixels, [0.5, 99.5]))


def test_percentiles_that_coincide_give_way_to_smallest_and_largest():
    assert ImagePreparation("percentile").fit(column(*[0] * 999, 7)).bands[0].high == 7


def test_asinh_measures_the_noise_by_the_median_absolute_deviation():
    band = ImagePreparation("asinh").fit(column(*range(101))).bands[0]
    assert band.soft == pytest.approx(1.4826 * 25)
    assert band.prepare(np.array([band.low, band.high])) == pytest.approx([0, 1])


def test_asinh_without_noise_takes_a_tenth_of_the_range():
    assert ImagePreparation("asinh").fit(column(*[0] * 999, 7)).bands[0].soft == pytest.approx(0.7)


def test_asinh_lifts_the_faint_over_the_bright():
    faint = BandScale(0.0, 100.0, soft=1.0).prepare(np.array([10.0]))
    assert faint == pytest.approx(np.arcsinh(10) / np.arcsinh(100))


def test_new_values_outside_the_training_range_are_not_clipped():
    preparation = ImagePreparation().fit(column(10.0, 20.0))
    assert preparation.encode(column(0.0, 40.0)).values.ravel().tolist() == [-1, 3]


@pytest.mark.parametrize(("hole", "dtype"), [(np.nan, "float32"), (-99, "int16"), (-99, "float64")])
def test_a_masked_pixel_is_unobserved_and_holds_the_centre(hole, dtype):
    pixels = column(0, 1, 4, hole).astype(dtype)
    preparation = ImagePreparation(nodata=-99).fit(pixels)
    features = preparation.encode(pixels)
    assert features.observed.ravel().tolist() == [True, True, True, False]
    assert features.values.ravel() == pytest.approx([0, 0.25, 1, 1.25 / 3])
    assert preparation.has_missing


def test_a_constant_band_is_divided_by_one():
    pixels = np.array([[[[1.0, 5.0]]], [[[2.0, 5.0]]]])
    preparation = ImagePreparation().fit(pixels)
    assert preparation.encode(np.array([[[[1.0, 8.0]]]])).values.ravel().tolist() == [0, 3]
    assert "Band 2: constant at 5 in training, kept." in preparation.describe()


def test_a_large_band_is_sampled_with_a_fixed_seed(monkeypatch):
    monkeypatch.setattr(scaling, "SAMPLED_PIXELS", 1000)
    pixels = np.random.default_rng(1).normal(size=(1, 100, 100, 1))
    first, second = (ImagePreparation("percentile").fit(pixels).bands[0] for _ in range(2))
    assert first == second
    assert first.high == pytest.approx(np.percentile(pixels, 99.5), abs=0.4)
    assert ImagePreparation().fit(pixels).bands[0].high == pixels.max()


def test_truth_values_come_back():
    pixels = column(True, False)
    preparation = ImagePreparation().fit(pixels)
    assert preparation.decode(np.array([[[[0.8], [0.2]]]])).ravel().tolist() == [True, False]


def test_images_of_another_byte_order_are_read():
    pixels = column(1, 256).astype(">u2")
    preparation = ImagePreparation().fit(pixels)
    assert preparation.encode(pixels).values.ravel().tolist() == [0, 1]
    assert preparation.decode(preparation.encode(pixels).values).ravel().tolist() == [1, 256]


def test_images_of_another_depth_are_scaled_alike():
    preparation = ImagePreparation().fit(column(0, 200).astype(np.uint8))
    assert preparation.encode(column(0, 1000).astype(np.uint16)).values.ravel().tolist() == [0, 5]


@pytest.mark.parametrize("shape", [(1, 5, 4, 3), (1, 4, 5, 3), (1, 4, 4, 1)])
def test_images_of_another_size_are_refused_with_both_sizes(shape):
    preparation = ImagePreparation().fit(np.arange(48.0).reshape(1, 4, 4, 3))
    bands = "1 band" if shape[3] == 1 else "3 bands"
    found = f"have {shape[1]} x {shape[2]} pixels and {bands}; the model was trained on 4 x 4 pixels and 3 bands"
    with pytest.raises(SchemaError, match=found):
        preparation.encode(np.zeros(shape))


def test_an_infinite_pixel_is_named():
    with pytest.raises(SourceError, match="image 2 of 3 holds an infinite pixel"):
        ImagePreparation().fit(np.array([0.0, np.inf, 1.0]).reshape(3, 1, 1, 1))


def test_a_band_without_a_measurement_is_named():
    with pytest.raises(SourceError, match="band 2 holds no measurement"):
        ImagePreparation().fit(np.array([[[[0.0, np.nan]]], [[[1.0, np.nan]]]]))


def test_images_that_are_all_alike_are_refused():
    with pytest.raises(SourceError, match="every pixel of the training images has the same value"):
        ImagePreparation().fit(np.ones((2, 2, 2, 1)))


def test_no_image_is_refused():
    with pytest.raises(SourceError, match="no pixel to learn from"):
        ImagePreparation().fit(np.ones((0, 2, 2, 1)))


@pytest.mark.parametrize("setting", [{"stretch": "log"}, {"nodata": float("inf")}])
def test_a_setting_that_is_not_accepted_is_refused(setting):
    with pytest.raises(SettingError, match=next(iter(setting))):
        ImagePreparation(**setting)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "uint64", "float16", "float32"])
def test_numbers_beyond_a_dtype_are_brought_to_its_ends(dtype):
    ends = into_dtype(np.array([-1e300, 1e300]), dtype).astype(float)
    limits = np.finfo(dtype) if dtype.startswith("float") else np.iinfo(dtype)
    assert ends == pytest.approx([float(limits.min), float(limits.max)], rel=1e-15)
