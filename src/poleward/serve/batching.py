"""One thread owns the model; requests that wait for it at the same time are scored together.

A score depends on its own sample alone, so what stands beside it changes its time and nothing else.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from poleward.detector.rows import alike, joined
from poleward.records import Ranking

WINDOW = 0.002
"""Seconds that a request waits for others that are on their way."""

MOST_SAMPLES = 4096
"""Scored together."""

Result = TypeVar("Result")
Rank = Callable[[Any, Sequence[str]], Ranking]


@dataclass(frozen=True)
class Scoring:
    """Raw samples that wait for their ranking."""

    data: Any
    ids: Sequence[str]
    answer: "Future[Ranking]"


@dataclass(frozen=True)
class Call:
    """Something else that waits for the model."""

    function: Callable[[], Any]
    answer: "Future[Any]"


class Batcher:
    """Lets one thread do all that needs the model.

    rank : (raw samples, ids) -> ranking
    on_ranked : told (ranking, number of requests) after each time
    """

    def __init__(
        self, rank: Rank, on_ranked: Callable[[Ranking, int], None] = lambda ranking, n: None, window: float = WINDOW
    ) -> None:
        self._rank = rank
        self._on_ranked = on_ranked
        self._window = window
        self._waiting: queue.SimpleQueue[Scoring | Call | None] = queue.SimpleQueue()
        self._n_coming = 0
        self._kept: list[Scoring | Call | None] = []
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """While a request is read: others wait a moment for it."""
        self._n_coming += 1
        try:
            yield
        finally:
            self._n_coming -= 1

    async def rank(self, data: Any, ids: Sequence[str]) -> Ranking:
        """Rank raw samples, perhaps together with those of others."""
        answer: Future[Ranking] = Future()
        self._waiting.put(Scoring(data, ids, answer))
        return await asyncio.wrap_future(answer)

    async def call(self, function: Callable[[], Result]) -> Result:
        """Run something else on the model's thread."""
        answer: Future[Result] = Future()
        self._waiting.put(Call(function, answer))
        return await asyncio.wrap_future(answer)

    def close(self) -> None:
        """Finish what waits, then stop."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._next()) is not None:
            if isinstance(first, Call):
                settle([first.answer], lambda call=first: [call.function()])  # type: ignore[misc]
            else:
                self._score(self._gathered(first))

    def _next(self) -> Scoring | Call | None:
        return self._kept.pop() if self._kept else self._waiting.get()

    def _gathered(self, first: Scoring) -> list[Scoring]:
        """The first and those like it: what waits already, and for a moment what is on its way."""
        together, n_samples = [first], len(first.data)
        until = time.monotonic() + self._window
        while n_samples < MOST_SAMPLES:
            patience = max(until - time.monotonic(), 0) if self._n_coming else 0
            try:
                other = self._waiting.get(timeout=patience) if patience else self._waiting.get_nowait()
            except queue.Empty:
                break
            if not isinstance(other, Scoring) or not alike(first.data, other.data):
                self._kept.append(other)
                break
            together.append(other)
            n_samples += len(other.data)
        return together

    def _score(self, together: list[Scoring]) -> None:
        wanted = [one for one in together if not one.answer.cancelled()]
        try:
            rankings = self._rankings(wanted)
        except Exception as error:
            if len(wanted) > 1:  # one of them must not spoil the others
                for one in wanted:
                    self._score([one])
            elif wanted:
                settle([wanted[0].answer], partial(_raise, error))
            return
        settle([one.answer for one in wanted], lambda: rankings)

    def _rankings(self, together: Sequence[Scoring]) -> list[Ranking]:
        if not together:
            return []
        ids = [name for one in together for name in one.ids]
        ranking = self._rank(joined([one.data for one in together]), ids)
        self._on_ranked(ranking, len(together))
        ends = np.cumsum([0, *(len(one.data) for one in together)])
        return [part(ranking, slice(start, end)) for start, end in pairwise(ends)]


def settle(answers: "Sequence[Future[Any]]", results: Callable[[], Sequence[Any]]) -> None:
    """Give each answer its result, or all of them the fault of computing them; who has gone away gets none."""
    awaited = [answer.set_running_or_notify_cancel() for answer in answers]
    try:
        found = results()
    except Exception as error:
        for answer, is_awaited in zip(answers, awaited, strict=True):
            if is_awaited:
                answer.set_exception(error)
        return
    for answer, is_awaited, result in zip(answers, awaited, found, strict=True):
        if is_awaited:
            answer.set_result(result)


def part(ranking: Ranking, rows: slice) -> Ranking:
    """Some consecutive lines of a ranking."""
    return replace(ranking, **{name: column[rows] for name, column in vars(ranking).items() if column is not None})


def _raise(error: Exception) -> Any:
    raise error
