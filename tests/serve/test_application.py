import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from poleward.serve.application import MOST_EXPLAINED, PATHS
from poleward.serve.door import Limits

JSON, CSV, BYTES = "application/json", "text/csv", "application/octet-stream"


def scored(client, content, kind, **query):
    answer = client.post("/score", content=content, headers={"content-type": kind}, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["samples"]


def parquet(table):
    buffer = io.BytesIO()
    pa.parquet.write_table(table, buffer)
    return buffer.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def files(known, some=slice(None)):
    paths = sorted(known.source.glob("*.png"))[some]
    return [("file", (path.name, path.read_bytes(), "image/png")) for path in paths]


def stack(known):
    return np.stack([np.asarray(Image.open(path)) for path in sorted(known.source.glob("*.png"))])


def test_a_csv_has_the_ranking_of_the_command_line(ask, rows):
    assert scored(ask(rows.detector), rows.source.read_bytes(), CSV) == rows.told


def test_json_rows_have_the_ranking_of_the_command_line(ask, rows, objects):
    assert scored(ask(rows.detector), json.dumps({"rows": objects}), JSON) == rows.told


def test_parquet_has_the_ranking_of_the_command_line(ask, rows):
    typed = pa.csv.read_csv(rows.source)
    assert scored(ask(rows.detector), parquet(typed), "application/vnd.apache.parquet") == rows.told
    texts = pa.csv.read_csv(
        rows.source, convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(typed.column_names, pa.string()))
    )
    assert scored(ask(rows.detector), parquet(texts), BYTES) == rows.told


def test_json_lists_are_rows_in_the_order_of_the_columns(ask, rows, objects):
    lists = [list(row.values())[1:] for row in objects]
    told = scored(ask(rows.detector), json.dumps(lists), JSON)
    assert [one["score"] for one in told] == [one["score"] for one in rows.told]
    assert [one["id"] for one in told] == [str(row) for row in range(120)]


def test_an_array_of_images_has_the_ranking_of_the_command_line(ask, pictures):
    numbered = [one | {"id": str(row)} for row, one in enumerate(pictures.told)]
    client = ask(pictures.detector)
    assert scored(client, npy(stack(pictures)), "application/x-npy") == numbered
    assert scored(client, npz(other=np.arange(3), mine=stack(pictures)), BYTES, array="mine") == numbered


def test_uploaded_images_have_the_ranking_of_the_command_line(ask, pictures):
    answer = ask(pictures.detector).post("/score", files=files(pictures))
    assert answer.json()["samples"] == pictures.told


@pytest.mark.parametrize("kind", ["png", "tiff", "fits", "npy"])
def test_one_image_may_be_of_any_kind(ask, pictures, kind):
    image = stack(pictures)[7]
    buffer = io.BytesIO()
    if kind == "png":
        Image.fromarray(image).save(buffer, "PNG")
    elif kind == "tiff":
        pytest.importorskip("tifffile").imwrite(buffer, image, photometric="rgb")
    elif kind == "fits":
        pytest.importorskip("astropy.io.fits").PrimaryHDU(np.moveaxis(image, -1, 0)).writeto(buffer)
    else:
        np.save(buffer, image)
    uploaded = ask(pictures.detector).post("/score", files={"file": (f"one.{kind}", buffer.getvalue())})
    assert uploaded.json()["samples"] == [pictures.told[7] | {"id": f"one.{kind}"}]
    if kind != "npy":  # a bare array is a stack of images, as in a file for `poleward score`
        bare = scored(ask(pictures.detector), buffer.getvalue(), f"image/{kind}")
        assert bare == [pictures.told[7] | {"id": "body"}]


def test_a_table_may_be_uploaded(ask, rows):
    answer = ask(rows.detector).post("/score", files={"file": ("t.csv", rows.source.read_bytes(), BYTES)})
    assert answer.json()["samples"] == rows.told


def test_requests_at_the_same_time_have_the_scores_of_one_at_a_time(ask, rows, objects):
    client = ask(rows.detector)
    pieces = [slice(start, start + 1 + start % 5) for start in range(0, 100, 3)]
    with ThreadPoolExecutor(16) as pool:
        told = pool.map(lambda piece: scored(client, json.dumps(objects[piece]), JSON), pieces)
        assert list(told) == [rows.told[piece] for piece in pieces]


def test_explanations_sum_to_the_score(ask, rows, objects):
    answer = ask(rows.detector).post("/explain", json={"rows": objects[:5]})
    told = answer.json()["samples"]
    assert [one["score"] for one in told] == [one["score"] for one in rows.told[:5]]
    for one in told:
        assert set(one["contributions"]) == {"a", "b", "colour", "day", "flag"}
        assert sum(one["contributions"].values()) == pytest.approx(one["score"])
        assert len(one["angles"]) == 2
    assert told[0]["nearest"][0]["distance"] >= 0


def test_an_explanation_of_images_has_every_pixel_as_npz(ask, pictures):
    answer = ask(pictures.detector).post("/explain", files=files(pictures, slice(3)), params={"as": "npz"})
    assert answer.headers["content-type"] == "application/x-npz"
    with np.load(io.BytesIO(answer.content)) as arrays:
        assert arrays["id"].tolist() == ["00.png", "01.png", "02.png"]
        np.testing.assert_allclose(arrays["contributions"].sum(axis=(1, 2, 3)), arrays["score"])
        assert arrays["score"].tolist() == [one["score"] for one in pictures.told[:3]]


def test_a_wrong_cell_comes_back_corrected(ask, rows, objects):
    wrong = objects[1] | {"a": 1000}
    told = ask(rows.detector).post("/correct", json=[wrong]).json()
    written = {name: str(cell).lower() for name, cell in wrong.items()}
    texts = pa.table({name: [cell] for name, cell in written.items()})
    expected = rows.detector.model_.correct(rows.detector.raw(texts), ["r1"])
    assert told["rows"] == expected.data.to_pylist()
    (change,) = told["changes"]
    assert (change["id"], change["column"], change["old"]) == ("r1", "a", "1000")
    assert told["rows"][0] == written | {"a": change["new"]}
    assert change["score_after"] < change["score_before"]


def test_images_come_back_corrected_as_npz(ask, pictures):
    answer = ask(pictures.detector).post("/correct", content=npy(stack(pictures)[:2]))
    expected = pictures.detector.model_.correct(stack(pictures)[:2], ["0", "1"])
    with np.load(io.BytesIO(answer.content)) as arrays:
        np.testing.assert_array_equal(arrays["data"], expected.data)
        np.testing.assert_array_equal(arrays["mask"], expected.mask)


def test_a_model_that_cannot_correct_says_so(ask, rows, objects, monkeypatch, refused):
    monkeypatch.setattr(rows.detector.model_, "corrector", None)
    assert "--correction" in refused(ask(rows.detector).post("/correct", json=objects[:1]), 409)


def test_health_says_what_is_served(ask, pictures):
    told = ask(pictures.detector).get("/health").json()
    assert (told["status"], told["kind"], told["corrects"]) == ("ok", "images", True)
    assert told["threshold"] == pictures.detector.model_.threshold


def test_metrics_count_what_was_asked(ask, rows, objects):
    client = ask(rows.detector, Limits(most_requests=63))
    client.post("/score", json=objects[:11])
    client.post("/score", content=b"?", headers={"content-type": JSON})
    client.get("/<script>")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert lines['poleward_requests_total{path="/score",status="200"}'] == "1.0"
    assert lines['poleward_requests_total{path="/score",status="422"}'] == "1.0"
    assert lines['poleward_requests_total{path="other",status="404"}'] == "1.0"
    assert lines["poleward_samples_scored_total"] == "11.0"
    assert lines["poleward_anomalies_total"] == f"{sum(one['is_anomaly'] for one in rows.told[:11])}.0"
    assert lines["poleward_requests_in_flight"] == "1.0"
    assert "<script>" not in answer.text


def test_what_openapi_gives_as_an_example_is_answered(ask, rows):
    client = ask(rows.detector)
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == PATHS - {"/openapi.json"}
    for path in ("/score", "/explain", "/correct"):
        example = described["paths"][path]["post"]["requestBody"]["content"][JSON]["example"]
        assert client.post(path, json=example).status_code == 200
    assert "securitySchemes" not in described.get("components", {})


def test_openapi_says_where_the_key_goes(ask, rows):
    client = ask(rows.detector, keys=("a-key-of-the-tests",))
    described = client.get("/openapi.json", headers={"x-api-key": "a-key-of-the-tests"}).json()
    assert described["components"]["securitySchemes"]["key"] == {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    assert described["paths"]["/score"]["post"]["security"] == [{"key": []}]
    assert "security" not in described["paths"]["/health"]["get"]


def test_openapi_of_images_asks_for_files(ask, pictures):
    described = ask(pictures.detector).get("/openapi.json").json()
    accepted = described["paths"]["/score"]["post"]["requestBody"]["content"]
    assert {"image/png", "multipart/form-data", BYTES} <= set(accepted)
    assert JSON not in accepted


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b"", JSON, 422, "not JSON"),
        (b"{", JSON, 422, "not JSON"),
        (b"[" * 100_000, JSON, 422, "not JSON"),
        (b"1" * 5000, JSON, 422, "not JSON"),
        (b"3", JSON, 422, "at least one row"),
        (b"[]", JSON, 422, "at least one row"),
        (b'{"row": []}', JSON, 422, "at least one row"),
        (b"[1]", JSON, 422, "all objects"),
        (b"[[1],[1,2]]", JSON, 422, "same length"),
        (b"[[1]]", JSON, 422, "has 1 columns; the model was trained on 5"),
        (b'[{"a": 1}]', JSON, 422, "columns are missing"),
        (b'[{"a": 1}, {"a": "x"}]', JSON, 422, "'a' holds values of several kinds"),
        (b'[{"a": 1e999}]', JSON, 422, "missing"),
        (b"a,b\n1\n", CSV, 422, "line 2 is faulty"),
        (b"", CSV, 422, "is empty"),
        (b"\xff,\xfe\n", CSV, 422, "not UTF-8"),
        (b"hello", "text/plain", 415, "'text/plain' is not read here"),
        (b"hello", "", 415, "accepted are"),
        (b"\x93NUMPY\x01\x00", BYTES, 422, "cannot be read"),
        (b"PK\x03\x04", BYTES, 422, "cannot be read"),
        (b"PAR1PAR1", BYTES, 422, "cannot be read"),
        (b"\x89PNG", "image/png", 422, "body: is not a PNG"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(ask, rows, refused, content, kind, status, said):
    answer = ask(rows.detector).post("/score", content=content, headers={"content-type": kind})
    sentence = refused(answer, status)
    assert said in sentence
    assert "/tmp" not in sentence


def test_an_infinite_number_is_refused(ask, rows, objects, refused):
    answer = ask(rows.detector).post(
        "/score", content=json.dumps([objects[0] | {"a": 1e200}]), headers={"content-type": JSON}
    )
    assert "row 1: 1e+200 is infinite or beyond" in refused(answer, 422)


def test_a_sample_without_any_value_is_refused(ask, rows, objects, refused):
    nothing = [dict.fromkeys(objects[0]) | {"name": "n"}]
    assert "no value at all" in refused(ask(rows.detector).post("/score", json=nothing), 422)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", "/score", 405), ("GET", "/docs", 404)]
)
def test_what_is_not_there_is_refused(ask, rows, refused, method, path, status):
    refused(ask(rows.detector).request(method, path), status)


def test_rows_for_a_model_of_images_are_refused(ask, pictures, refused):
    client = ask(pictures.detector)
    refused(client.post("/score", json=[[1]]), 415)
    assert "trained on images" in refused(client.post("/score", content=b"a\n1\n", headers={"content-type": CSV}), 422)


def test_images_of_another_size_are_refused(ask, pictures, refused):
    client = ask(pictures.detector)
    assert "trained on 8 x 6 pixels" in refused(client.post("/score", content=npy(np.zeros((1, 4, 4, 3)))), 422)
    uneven = [*files(pictures, slice(1)), ("file", ("n.npy", npy(np.zeros((4, 4, 3))), BYTES))]
    assert "give images of one size" in refused(client.post("/score", files=uneven), 422)


def test_a_form_without_files_is_refused(ask, pictures, refused):
    refused(ask(pictures.detector).post("/score", files={"file": (None, "text")}), 422)
    broken = {"content-type": "multipart/form-data"}
    refused(ask(pictures.detector).post("/score", content=b"--x", headers=broken), 400)


def test_too_many_samples_to_explain_are_refused(ask, rows, objects, refused):
    many = (objects * 5)[: MOST_EXPLAINED["table"] + 1]
    assert "at most 512 are explained" in refused(ask(rows.detector).post("/explain", json=many), 413)


def test_a_fault_of_the_server_is_told_without_its_insides(ask, rows, objects, monkeypatch, refused):
    def broken(*given):
        raise RuntimeError("secret")

    client = ask(rows.detector, Limits(most_requests=62))
    monkeypatch.setattr("poleward.detector.ranker.Ranker.scores", broken)
    assert "secret" not in refused(client.post("/score", json=objects[:1]), 500)
    monkeypatch.undo()
    assert client.post("/score", json=objects[:1]).status_code == 200
