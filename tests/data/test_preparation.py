import json

import numpy as np
import pyarrow as pa
import pytest

from poleward.data.columns import TablePreparation
from poleward.data.preparation import Preparation, load_preparation
from poleward.data.scaling import ImagePreparation
from poleward.errors import ModelError

TABLE = pa.table({"x": [1, None, 3], "c": ["a", "b", "a"]})
IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
PREPARED = [(TablePreparation, TABLE), (ImagePreparation, IMAGES)]


@pytest.mark.parametrize(("kind", "data"), PREPARED)
def test_every_preparation_keeps_the_contract(kind, data):
    preparation = kind().fit(data)
    features = preparation.encode(data)
    assert isinstance(preparation, Preparation)
    assert features.values.shape == (len(features), *preparation.shape)
    assert sum(block.width for block in preparation.blocks) == preparation.shape[0]
    assert preparation.has_missing == (features.observed is not None)
    assert all(sentence.endswith(".") for sentence in preparation.describe())


@pytest.mark.parametrize(("kind", "data"), PREPARED)
def test_a_saved_preparation_is_found_again_by_its_kind(kind, data):
    preparation = kind().fit(data)
    again = load_preparation(json.loads(json.dumps(preparation.to_manifest())))
    assert type(again) is kind
    np.testing.assert_array_equal(again.encode(data).values, preparation.encode(data).values)


def test_a_kind_of_another_version_is_refused():
    with pytest.raises(ModelError, match="the model prepares 'sound'; this version knows images, table"):
        load_preparation({"kind": "sound"})


@pytest.mark.parametrize(("kind", "data"), PREPARED)
def test_a_damaged_manifest_is_a_model_error(kind, data):
    manifest = kind().fit(data).to_manifest()
    for key in set(manifest) - {"kind"}:
        for damaged in ({k: v for k, v in manifest.items() if k != key}, {**manifest, key: "?!"}):
            if key == "has_missing" and key in damaged:
                continue
            with pytest.raises(ModelError, match="is damaged"):
                load_preparation(damaged)
