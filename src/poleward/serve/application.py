"""The routes of a server, and what it says of them in /openapi.json."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from threadpoolctl import threadpool_limits

import poleward
from poleward.data.source import Batch
from poleward.detector.explanation import explain
from poleward.detector.model import Model
from poleward.errors import PolewardError, SettingError, SizeError
from poleward.records import Correction, Explanation
from poleward.serve.answers import (
    Corrected,
    Explanations,
    Fault,
    Health,
    RecognisedScores,
    Scores,
    corrected,
    explanations,
    plain_value,
    scores,
    written,
)
from poleward.serve.batching import Batcher
from poleward.serve.bodies import JSON, Part, Reader, UnknownType
from poleward.serve.door import KEY_HEADER, RETRY_AFTER, Door, Limits, too_large
from poleward.serve.keys import Keys
from poleward.serve.limits import App, TooLarge
from poleward.serve.metrics import MEDIA_TYPE, Metrics

if TYPE_CHECKING:
    from poleward.classifier.classifier import OpenSetClassifier
    from poleward.classifier.model import ClassifierModel
    from poleward.detector.detector import Detector

READERS = 2
"""Bodies that are decoded at the same time: each may take the memory of the largest that is accepted."""

MOST_EXPLAINED = {"images": 64, "table": 512}
MOST_CORRECTED = {"images": 64, "table": 4096}
"""Samples of one request to what takes longer than a score."""

MOST_FILES = 1000
PATHS = frozenset({"/score", "/explain", "/correct", "/health", "/metrics", "/openapi.json"})
NPZ = "application/x-npz"

log = logging.getLogger("uvicorn.error")


def application(estimator: "Detector | OpenSetClassifier", limits: Limits, keys: Keys, local_only: bool) -> App:
    """What answers requests about one detector or classifier (ASGI), behind its door."""
    metrics = Metrics()
    desk = Desk(estimator, limits, metrics)
    app = FastAPI(
        title="Poleward",
        version=poleward.__version__,
        description="Scores, explanations and corrections of one saved model.",
        docs_url=None,
        redoc_url=None,
        lifespan=desk.opened,
    )
    add_routes(app, desk, bool(keys))
    for kind, answer in desk.faults().items():
        app.add_exception_handler(kind, answer)
    return Door(app, limits, keys, metrics, PATHS, local_only)


def add_routes(app: FastAPI, desk: "Desk", has_keys: bool) -> None:
    """The paths, and their part of OpenAPI."""
    body = {"requestBody": {"required": True, "content": desk.accepted()}}
    security: dict[str, Any] = {"security": [{"key": []}]} if has_keys else {}
    faults: dict[int | str, dict[str, Any]] = {
        status: {"model": Fault, "description": words}
        for status, words in {
            401: "No key, or a wrong one.",
            408: "The body did not arrive in time.",
            413: "Larger than is accepted.",
            415: "Not of a kind that is read here.",
            422: "Cannot be read, or is not like the training data.",
            503: "Too many requests, or no answer in time; comes with Retry-After.",
        }.items()
    }
    routes: Sequence[tuple[str, Any, Any]] = (
        ("/score", desk.score, desk.scored),
        ("/explain", desk.explain, Explanations),
        ("/correct", desk.correct, Corrected),
    )
    for path, answer, model in routes:
        more = faults | ({} if path == "/score" else {409: {"model": Fault, "description": "The model cannot do it."}})
        app.post(path, response_model=model, responses=more, openapi_extra=body | security)(answer)
    app.get("/health", response_model=Health)(desk.health)
    app.get("/metrics", response_class=Response, openapi_extra=security)(desk.metrics_text)
    if has_keys:
        described = app.openapi()
        schemes = described.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["key"] = {"type": "apiKey", "in": "header", "name": KEY_HEADER}


class Desk:
    """Answers each kind of request."""

    def __init__(self, estimator: "Detector | OpenSetClassifier", limits: Limits, metrics: Metrics) -> None:
        self._model: Model | ClassifierModel = estimator.model_
        self._limits = limits
        self._metrics = metrics
        self._reader = Reader(estimator, limits.most_values)
        self._batcher: Batcher
        self._pool: ThreadPoolExecutor

    @asynccontextmanager
    async def opened(self, app: FastAPI) -> AsyncIterator[None]:
        """While the server runs; what waits at its end is still answered.

        Rows of a request are too few to share between threads, which on a busy machine wait for each other.
        """
        self._batcher = Batcher(self._model.rank, self._metrics.ranked)
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        try:
            with threadpool_limits(1 if self._model.kind == "table" else None, "blas"):
                yield
        finally:
            self._batcher.close()
            self._pool.shutdown()

    @property
    def scored(self) -> type[BaseModel]:
        """What `score` answers."""
        return Scores if isinstance(self._model, Model) else RecognisedScores

    async def score(self, request: Request) -> Response:
        """Score, p-value and decision of each sample: those of `poleward score`, to the last bit."""
        with self._batcher.coming():
            samples = await self._samples(request)
        ranking = await self._batcher.rank(samples.data, samples.ids)
        return Response(written(scores(ranking)), media_type=JSON)

    async def explain(self, request: Request) -> Response:
        """Why each sample has its score; with ?as=npz every pixel's contribution, as arrays."""
        model = self._detecting()
        samples = await self._samples(request)
        self._require_few(samples, MOST_EXPLAINED, "explained")
        found: Explanation = await self._batcher.call(lambda: explain(model, samples.data))
        if request.query_params.get("as") == "npz":
            return arrays_answer({"id": np.array(samples.ids, str)} | array_fields(found))
        return Response(written(explanations(samples.ids, found)), media_type=JSON)

    async def correct(self, request: Request) -> Response:
        """The samples with their wrong cells or pixels repaired; of images an npz of the fields of a correction."""
        model = self._detecting()
        if model.corrector is None:
            raise HTTPException(409, "the model has not learned to correct; fit it again with --correction")
        samples = await self._samples(request)
        self._require_few(samples, MOST_CORRECTED, "corrected")
        found: Correction = await self._batcher.call(lambda: model.correct(samples.data, samples.ids))
        if model.kind == "images":
            return arrays_answer({"id": np.array(samples.ids, str)} | array_fields(found))
        return Response(written(corrected(found)), media_type=JSON)

    async def health(self) -> Response:
        """What is being served."""
        model = self._model
        return Response(
            written(
                {
                    "status": "ok",
                    "version": poleward.__version__,
                    "kind": model.kind,
                    "scorer": model.settings.scorer,
                    "threshold": model.threshold,
                    "corrects": isinstance(model, Model) and model.corrector is not None,
                    "classes": None if isinstance(model, Model) else [str(name) for name in model.classes.tolist()],
                    "data_fingerprint": model.facts["data_fingerprint"],
                }
            ),
            media_type=JSON,
        )

    async def metrics_text(self) -> Response:
        """Counters for Prometheus."""
        return Response(self._metrics.text(), headers={"content-type": MEDIA_TYPE})

    def faults(self) -> dict[Any, Callable[[Request, Any], Response]]:
        """What is answered to each kind of error."""

        def told(status: int, why: object = None) -> Callable[[Request, Exception], Response]:
            return lambda request, fault: fault_answer(status, str(why or fault))

        return {
            UnknownType: told(415),
            SizeError: told(413),
            SettingError: told(409),
            PolewardError: told(422),
            TooLarge: told(413, too_large(self._limits)),
            MemoryError: told(413, "the request needs more memory than there is"),
            ClientDisconnect: told(400, "the client went away"),
            HTTPException: http_fault,
            Exception: told(500, "the server failed; its log says how"),
        }

    def accepted(self) -> dict[str, Any]:
        """The bodies that are read, for OpenAPI; rows come with an example that this model takes."""
        binary = {"schema": {"type": "string", "format": "binary"}}
        files = {"type": "object", "properties": {"file": {"type": "array", "items": binary["schema"]}}}
        forms: dict[str, Any] = {"multipart/form-data": {"schema": files}, "application/octet-stream": binary}
        if self._model.kind == "images":
            return forms | dict.fromkeys(("image/png", "image/jpeg", "image/tiff", "image/fits"), binary)
        rows: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
        schema = {"type": "object", "properties": {"rows": rows}, "required": ["rows"]}
        texts = {"text/csv": {"schema": {"type": "string"}}, "application/vnd.apache.parquet": binary}
        return {JSON: {"schema": schema} | self._example()} | texts | forms

    def _example(self) -> dict[str, Any]:
        """Two rows that this model takes, where it can make some."""
        try:
            rows = self._detecting().sample(2, seed=0).to_pylist()
        except SettingError:  # tells classes apart, or was exported without its decoder
            return {}
        return {"example": {"rows": [{name: plain_value(value) for name, value in row.items()} for row in rows]}}

    def _detecting(self) -> Model:
        """The model of a detector; SettingError for that of a classifier."""
        if not isinstance(self._model, Model):
            raise SettingError("the model was fitted with --labels and only scores; fit one without for the rest")
        return self._model

    async def _samples(self, request: Request) -> Batch:
        parts = await parts_of(request)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, parts)

    def _read(self, parts: Sequence[Part]) -> Batch:
        try:
            return self._reader.samples(parts)
        except (PolewardError, MemoryError, pa.ArrowMemoryError):
            raise
        except Exception as fault:  # readers raise almost anything for damaged bytes
            log.warning("a body was refused: %r", fault)
            raise HTTPException(422, f"the body cannot be read ({' '.join(str(fault).split())[:200]})") from fault

    def _require_few(self, samples: Batch, most: Mapping[str, int], what: str) -> None:
        if len(samples.ids) > most[self._model.kind]:
            raise SizeError(
                f"{len(samples.ids):,} samples were sent; at most {most[self._model.kind]:,} are {what} at a time"
            )


async def parts_of(request: Request) -> list[Part]:
    """The body, or the files of a multipart body."""
    stated = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    array = request.query_params.get("array")
    if stated != "multipart/form-data":
        return [Part(await request.body(), stated, array=array)]
    async with request.form(max_files=MOST_FILES, max_fields=MOST_FILES) as form:
        files = [file for _, file in form.multi_items() if isinstance(file, UploadFile)]
        return [
            Part(await file.read(), (file.content_type or "").lower(), file.filename or "file", array, uploaded=True)
            for file in files
        ]


def fault_answer(status: int, why: str) -> Response:
    """An error as JSON."""
    more = {"retry-after": str(RETRY_AFTER)} if status == 503 else None
    return Response(written({"error": " ".join(why.split())}), status, more, JSON)


def http_fault(request: Request, fault: HTTPException) -> Response:
    """What the framework refuses, in our form."""
    words = {
        404: f"there is no {request.url.path}; there are {', '.join(sorted(PATHS))}",
        405: f"{request.url.path} is not asked with {request.method}",
    }
    return fault_answer(fault.status_code, words.get(fault.status_code, fault.detail))


def array_fields(record: Explanation | Correction) -> dict[str, Any]:
    """The arrays of a record by their names."""
    fields = {name: value for name, value in vars(record).items() if isinstance(value, np.ndarray)}
    return fields | ({"columns": np.array(record.columns, str)} if isinstance(record, Explanation) else {})


def arrays_answer(arrays: Mapping[str, Any]) -> Response:
    """Arrays as an npz."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return Response(buffer.getvalue(), media_type=NPZ)
