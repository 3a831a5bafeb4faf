"""Requests that are nearly right, a few hundred of them; `poleward bench serving --only malformed` asks 10,000."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from poleward.benchmark.malformed import image_bodies, malformed, table_bodies

pytest.importorskip("tifffile", reason="the extra `data` is not installed")
pytest.importorskip("astropy", reason="the extra `data` is not installed")


def ask_all(client, bodies, n):
    def one(request):
        headers = {"content-type": request.body.media_type.encode("latin-1")}
        return client.request(request.method, request.path, content=request.body.content, headers=headers)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, malformed(bodies, n, seed=0)))


@pytest.mark.filterwarnings("default")  # decoders warn of damaged files
def test_damaged_rows_are_answered_in_a_sentence(ask, rows):
    numbers = pa.table({name: np.arange(5.0) for name in ("a", "b", "colour", "day", "flag")})
    answers = ask_all(ask(rows.detector), table_bodies(numbers), 200)
    assert not [answer.text for answer in answers if answer.status_code >= 500]
    assert {answer.status_code for answer in answers} <= {200, 400, 404, 405, 413, 415, 422}
    assert all("error" in answer.json() for answer in answers if answer.status_code != 200)


@pytest.mark.filterwarnings("default")
def test_damaged_images_are_answered_in_a_sentence(ask, pictures):
    images = np.random.default_rng(0).integers(0, 100, (2, 8, 6, 3)).astype(np.uint8)
    answers = ask_all(ask(pictures.detector), image_bodies(images), 200)
    assert not [answer.text for answer in answers if answer.status_code >= 500]
    assert {answer.status_code for answer in answers} <= {200, 400, 404, 405, 413, 415, 422}
    assert all("error" in answer.json() for answer in answers if answer.status_code != 200)


def test_the_same_seed_gives_the_same_requests():
    bodies = table_bodies(pa.table({"a": np.arange(5.0)}))
    first, again, other = (list(malformed(bodies, 30, seed)) for seed in (1, 1, 2))
    assert first == again != other
