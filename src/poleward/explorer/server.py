"""The pages of an exploration over HTTP, for this machine alone."""

import json
import math
import secrets
from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from poleward.errors import PolewardError, SettingError, SourceError
from poleward.explorer.exploration import Exploration
from poleward.explorer.guard import Guard
from poleward.explorer.labels import USUAL, labels_csv, log_csv
from poleward.explorer.listing import COMPARISONS, Condition, Query
from poleward.explorer.pictures import PICTURES, REPAIRED, picture, repaired, thumbnail
from poleward.geometry.picture import BLOCKS, on_sphere
from poleward.serve.limits import THIS_MACHINE, TooLarge

MOST_SAMPLES = 500
"""Samples that one request may ask for or label."""

MOST_POINTS = 50_000
"""Points that a machine without a graphics card still turns: the most anomalous half, and some of the rest."""

NEIGHBOURS = 8
TABLE_COLUMNS = 4
"""Columns of a table that its list shows."""

LISTED = ("id", "rank", "score", "p_value", "is_anomaly", "in_training", "label", "relevance")
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
UNCHANGING = {"cache-control": "private, max-age=86400"}


def address(port: int, token: str) -> str:
    """Where the page is.

    >>> address(8000, "secret")
    'http://127.0.0.1:8000/secret/'
    """
    return f"http://{THIS_MACHINE}:{port}/{token}/"


def new_token() -> str:
    """A secret that nobody guesses: 32 random bytes as text."""
    return secrets.token_urlsafe(32)


def server(exploration: Exploration, token: str) -> uvicorn.Server:
    """What answers requests: ``server(...).run(sockets=[listening(0)])`` does until the user stops it."""
    app = Guard(application(exploration), token)
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))


def application(exploration: Exploration) -> Starlette:
    """The routes, without the guard before them."""
    pages = Pages(exploration)
    get: dict[str, Callable[[Request], Response]] = {
        "/": pages.page,
        "/static/{name}": pages.static,
        "/about": pages.about,
        "/state": pages.state,
        "/items": pages.items,
        "/place": pages.place,
        "/item/{row:int}": pages.item,
        "/repair/{row:int}": pages.repair,
        "/thumbnail/{row:int}": pages.thumbnail,
        "/picture/{row:int}/{name}": pages.picture,
        "/points": pages.points,
        "/labels.csv": pages.labels_csv,
        "/log.csv": pages.log_csv,
    }
    post: dict[str, Callable[[Any], Response]] = {
        "/label": pages.label,
        "/undo": pages.undo,
        "/rerank": pages.rerank,
    }
    routes = [Route(path, _answered(handler), methods=["GET"]) for path, handler in get.items()]
    routes += [Route(path, _told(handler), methods=["POST"]) for path, handler in post.items()]
    routes.append(Route("/import", pages.import_csv, methods=["POST"]))
    faults: dict[Any, Any] = {PolewardError: _refused, TooLarge: _too_large}
    return Starlette(routes=routes, exception_handlers=faults)


class Pages:
    """What is answered to each request; row numbers stand for samples, never names or paths."""

    def __init__(self, exploration: Exploration) -> None:
        self.exploration = exploration
        self.collection = exploration.collection
        self.static_files = static_files()

    def page(self, request: Request) -> Response:
        """The page itself."""
        return Response(self.static_files["index.html"], media_type="text/html", headers={"cache-control": "no-store"})

    def static(self, request: Request) -> Response:
        """A file of the package, by its plain name."""
        name = request.path_params["name"]
        if name not in self.static_files:
            return PlainTextResponse("there is no such file", 404)
        return Response(self.static_files[name], media_type=TYPES[PurePosixPath(name).suffix])

    def about(self, request: Request) -> Response:
        """What does not change while the page is open, but for joined columns."""
        columns = self.exploration.columns()
        return JSONResponse(
            {
                "title": self.collection.title,
                "kind": self.collection.kind,
                "n": len(self.collection),
                "repairs": self.collection.repairs,
                "has_sphere": self.collection.codes.shape[1] >= BLOCKS,
                "columns": [
                    {"name": name, "type": "text" if cells.dtype == object else "number"}
                    for name, cells in columns.items()
                ],
                "comparisons": COMPARISONS,
                "labels": USUAL,
                "who": self.exploration.who,
            }
        )

    def state(self, request: Request) -> Response:
        """Where things stand: a page that finds another state than its own asks again for what it shows."""
        return JSONResponse(self._state())

    def items(self, request: Request) -> Response:
        """Some of the samples that a query chooses, in its order."""
        query = _query(request)
        rows = self.exploration.rows(query)
        start, count = _number(request, "start"), min(_number(request, "count"), MOST_SAMPLES)
        columns = self.exploration.columns()
        shown = rows[start : start + count]
        cells = {name: _cells(columns[name][shown]) for name in LISTED if name in columns}
        more = [name for name in {query.sort: None} | dict.fromkeys(self._told_in_list()) if name not in LISTED]
        texts = {name: _cells(columns[name][shown]) for name in more}
        items = [
            {"row": row}
            | {name: values[i] for name, values in cells.items()}
            | {"shown": {name: values[i] for name, values in texts.items()}}
            for i, row in enumerate(shown.tolist())
        ]
        return JSONResponse({"total": len(rows), "start": start, "items": items, "state": self._state()})

    def place(self, request: Request) -> Response:
        """Where a sample stands in a query's order, -1 when it is not chosen."""
        found = np.flatnonzero(self.exploration.rows(_query(request)) == _number(request, "row"))
        return JSONResponse({"place": int(found[0]) if len(found) else -1})

    def item(self, request: Request) -> Response:
        """All that is known of one sample, and its neighbours."""
        row = self._row(request)
        columns = self.exploration.columns()
        evidence = self.collection.evidence(row)
        return JSONResponse(
            {
                "row": row,
                "columns": {name: _cells(cells[[row]])[0] for name, cells in columns.items()},
                "pictures": [name for name in PICTURES if evidence.get(name) is not None],
                "cells": [asdict(cell) for cell in evidence.get("cells", ())],
                "neighbours": [
                    {
                        "row": other,
                        "distance": distance,
                        "id": columns["id"][other],
                        "score": float(columns["score"][other]),
                        "label": columns["label"][other],
                    }
                    for other, distance in self.exploration.neighbours(row, NEIGHBOURS)
                ],
            }
        )

    def repair(self, request: Request) -> Response:
        """What a sample is like with its wrong cells repaired."""
        row = self._row(request)
        correction = self.collection.correction(row)
        is_changed = bool(correction.mask.any())
        return JSONResponse(
            {
                "row": row,
                "n_changed": int(correction.mask.sum()),
                "score_before": _cells(correction.score_before)[0],
                "score_after": _cells(correction.score_after)[0],
                "pictures": ["image", *REPAIRED] if is_changed and self.collection.image is not None else [],
                "changes": [
                    {"column": each.column, "probability": each.probability}
                    | {"old": _written(each.old), "new": _written(each.new)}
                    for each in correction.changes
                ],
            }
        )

    def thumbnail(self, request: Request) -> Response:
        """A sample's image, small."""
        row = self._row(request)
        if self.collection.image is None:
            raise SourceError("rows of a table have no picture")
        return Response(thumbnail(self.collection.image(row)), media_type="image/png", headers=UNCHANGING)

    def picture(self, request: Request) -> Response:
        """One of a sample's pictures."""
        row, name = self._row(request), request.path_params["name"]
        evidence = self.collection.evidence(row)
        if name in REPAIRED and self.collection.image is not None:
            evidence = {**evidence, **repaired(self.collection.correction(row))}
        content = picture(name, evidence, self.collection.residual_top)
        return Response(content, media_type="image/png", headers=UNCHANGING)

    def points(self, request: Request) -> Response:
        """Rows (uint32), scores (float32) and places on the sphere (n x 3 float32) of as many as can be turned."""
        order = np.argsort(-self.collection.ranking.score, kind="stable")
        worst, rest = np.split(order, [MOST_POINTS // 2])
        rows = np.concatenate([worst, rest[:: 1 + len(rest) // (MOST_POINTS // 2)]])
        with np.errstate(over="ignore"):  # a score beyond float32 is as good as infinite here
            scores = self.collection.ranking.score[rows].astype("<f4")
        places = on_sphere(self.collection.codes[rows]).astype("<f4")
        content = rows.astype("<u4").tobytes() + scores.tobytes() + places.tobytes()
        return Response(content, media_type="application/octet-stream")

    def label(self, told: Any) -> Response:
        """Label some samples."""
        rows, label = told.get("rows"), told.get("label")
        if not isinstance(rows, list) or not 0 < len(rows) <= MOST_SAMPLES or not isinstance(label, str):
            raise SettingError(f"a label is a text, for 1 to {MOST_SAMPLES} rows")
        for row in rows:
            self._require_row(row)
        self.exploration.label(rows, label, _who(told))
        return JSONResponse(self._state())

    def undo(self, told: Any) -> Response:
        """Take back what this person did last."""
        return JSONResponse({"rows": self.exploration.undo(_who(told)), **self._state()})

    def rerank(self, told: Any) -> Response:
        """Learn from the labels."""
        reranking = self.exploration.rerank()
        return JSONResponse({"method": reranking.method, "quality": reranking.quality, **self._state()})

    async def import_csv(self, request: Request) -> Response:
        """Take over labels and columns from a csv."""
        content = await request.body()
        who = request.query_params.get("who", "")
        n_labelled, columns = await run_in_threadpool(self.exploration.import_csv, content, who)
        return JSONResponse({"labelled": n_labelled, "columns": columns, **self._state()})

    def labels_csv(self, request: Request) -> Response:
        """The labels as they are now."""
        return _download(labels_csv(self.exploration.log.standing(), self.exploration.scores()), "labels.csv")

    def log_csv(self, request: Request) -> Response:
        """All that was ever said."""
        return _download(log_csv(self.exploration.log.entries()), "log.csv")

    def _told_in_list(self) -> list[str]:
        return list(self.collection.columns)[:TABLE_COLUMNS] if self.collection.kind == "table" else []

    def _state(self) -> dict[str, Any]:
        return asdict(self.exploration.state) | {"counts": self.exploration.counts()}

    def _row(self, request: Request) -> int:
        row: int = request.path_params["row"]
        self._require_row(row)
        return row

    def _require_row(self, row: Any) -> None:
        if not isinstance(row, int) or not 0 <= row < len(self.collection):
            raise SourceError(f"there is no row {row!r}; rows go from 0 to {len(self.collection) - 1}")


def static_files() -> dict[str, bytes]:
    """The files that the page is made of, by name."""
    own = files("poleward.explorer") / "static"
    found = [*own.iterdir(), files("poleward.report") / "sphere.js"]
    return {file.name: file.read_bytes() for file in found if PurePosixPath(file.name).suffix in TYPES}


def _answered(handler: Callable[[Request], Response]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        return await run_in_threadpool(handler, request)

    return answer


def _told(handler: Callable[[Any], Response]) -> Callable[[Request], Any]:
    """A handler of what a page sends as a JSON object."""

    async def answer(request: Request) -> Response:
        try:
            told = json.loads(await request.body() or b"{}")
        except (ValueError, RecursionError) as fault:
            raise SettingError(f"what was sent is not JSON ({fault})") from fault
        if not isinstance(told, dict):
            raise SettingError("what was sent is not a JSON object")
        return await run_in_threadpool(handler, told)

    return answer


def _query(request: Request) -> Query:
    """The query that an address asks for: sort, order=up or down, where=[[column, comparison, value], ...]."""
    given = request.query_params
    try:
        conditions = tuple(Condition(*map(str, each)) for each in json.loads(given.get("where", "[]")))
    except (ValueError, TypeError, RecursionError) as fault:
        raise SettingError(f"where is {given.get('where')!r}; it is [[column, comparison, value], ...]") from fault
    return Query(given.get("sort", "score"), given.get("order", "down") != "up", conditions)


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise SettingError(f"{name} is {text!r}; it is a whole number, at least 0")
    return int(text)


def _who(told: Any) -> str:
    who = told.get("who", "")
    if not isinstance(who, str):
        raise SettingError(f"who is {who!r}; it is a name")
    return who


def _cells(cells: NDArray[Any]) -> list[Any]:
    """Cells as JSON values; a number that is missing or infinite is null."""
    if cells.dtype == object:
        return list(cells)
    return [cell if math.isfinite(cell) else None for cell in cells.tolist()]


def _written(value: Any) -> str:
    return "(missing)" if value is None else str(value)


def _download(text: str, name: str) -> Response:
    return Response(text, media_type="text/csv", headers={"content-disposition": f'attachment; filename="{name}"'})


async def _refused(request: Request, fault: Exception) -> Response:
    return PlainTextResponse(str(fault), 400)


async def _too_large(request: Request, fault: Exception) -> Response:
    return PlainTextResponse("more was sent than is accepted", 413)
