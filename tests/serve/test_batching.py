import asyncio
import queue
import threading

import numpy as np
import pytest

from poleward.records import Ranking
from poleward.serve.batching import Batcher


class Model:
    """Scores are the first cell; it remembers how many samples it met together, and stops where it is told to."""

    def __init__(self):
        self.met = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.has_begun = threading.Event()

    def rank(self, samples, ids):
        self.has_begun.set()
        self.may_go_on.wait()
        self.met.append(len(samples))
        if np.isnan(samples).any():
            raise ValueError("broken")
        score = samples[:, 0]
        return Ranking(ids, score, score / 100, score > 5, score < 0)


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def batcher(model):
    made = Batcher(model.rank, window=60.0)
    yield made
    made.close()


def rows(*cells):
    return np.array(cells, float)[:, None]


async def begun(model):
    while not model.has_begun.is_set():
        await asyncio.sleep(0)


def test_who_waits_while_the_model_is_busy_is_scored_together(model, batcher):
    async def ask():
        model.may_go_on.clear()
        first = asyncio.ensure_future(batcher.rank(rows(1), ["first"]))
        await begun(model)
        others = [asyncio.ensure_future(batcher.rank(rows(n, n + 1), [f"{n}", "+"])) for n in (3, 5, 7)]
        await asyncio.sleep(0)
        model.may_go_on.set()
        return await asyncio.gather(first, *others)

    found = asyncio.run(ask())
    assert model.met == [1, 6]
    assert [ranking.score.tolist() for ranking in found] == [[1], [3, 4], [5, 6], [7, 8]]
    assert [list(ranking.id) for ranking in found] == [["first"], ["3", "+"], ["5", "+"], ["7", "+"]]
    assert [ranking.is_anomaly.tolist() for ranking in found[2:]] == [[False, True], [True, True]]


def test_who_is_alone_does_not_wait(model, batcher):
    """The window of these tests is a minute."""
    assert asyncio.run(batcher.rank(rows(2), ["a"])).score.tolist() == [2]


def test_who_is_on_the_way_is_waited_for(model, monkeypatch):
    is_patient = threading.Event()

    class Watched(queue.SimpleQueue):
        def get(self, block=True, timeout=None):
            if timeout is not None:
                is_patient.set()
            return super().get(block, timeout)

    monkeypatch.setattr(queue, "SimpleQueue", Watched)
    batcher = Batcher(model.rank, window=60.0)

    async def ask():
        with batcher.coming():
            first = asyncio.ensure_future(batcher.rank(rows(1), ["a"]))
            while not is_patient.is_set():
                await asyncio.sleep(0)
        return await asyncio.gather(first, batcher.rank(rows(2), ["b"]))

    asyncio.run(ask())
    batcher.close()
    assert model.met == [2]


def test_one_that_cannot_be_scored_does_not_spoil_the_others(model, batcher):
    async def ask():
        model.may_go_on.clear()
        first = asyncio.ensure_future(batcher.rank(rows(1), ["a"]))
        await begun(model)
        others = [asyncio.ensure_future(batcher.rank(rows(n), ["b"])) for n in (np.nan, 4)]
        await asyncio.sleep(0)
        model.may_go_on.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    first, broken, whole = asyncio.run(ask())
    assert isinstance(broken, ValueError)
    assert (first.score.tolist(), whole.score.tolist()) == ([1], [4])


def test_who_has_gone_away_costs_nothing(model, batcher):
    async def ask():
        model.may_go_on.clear()
        first = asyncio.ensure_future(batcher.rank(rows(1), ["a"]))
        await begun(model)
        gone = asyncio.ensure_future(batcher.rank(rows(2), ["b"]))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        model.may_go_on.set()
        return await asyncio.gather(first, batcher.rank(rows(3), ["c"]))

    asyncio.run(ask())
    assert sum(model.met) == 2


def test_other_work_has_its_turn_on_the_same_thread(model, batcher):
    async def ask():
        model.may_go_on.clear()
        first = asyncio.ensure_future(batcher.rank(rows(1), ["a"]))
        await begun(model)
        other = asyncio.ensure_future(batcher.call(threading.current_thread))
        later = asyncio.ensure_future(batcher.rank(rows(2), ["b"]))
        await asyncio.sleep(0)
        model.may_go_on.set()
        return (await asyncio.gather(first, other, later))[1]

    assert asyncio.run(ask()).name == "model"
    assert model.met == [1, 1]


def test_a_fault_of_other_work_is_its_own(batcher):
    async def ask():
        return await asyncio.gather(batcher.call(lambda: 1 / 0), batcher.call(lambda: 3), return_exceptions=True)

    fault, result = asyncio.run(ask())
    assert isinstance(fault, ZeroDivisionError)
    assert result == 3


def test_what_waits_at_the_end_is_finished(model):
    batcher = Batcher(model.rank, window=60.0)

    async def ask():
        model.may_go_on.clear()
        waiting = [asyncio.ensure_future(batcher.rank(rows(n), ["a"])) for n in range(3)]
        await begun(model)
        model.may_go_on.set()
        await asyncio.to_thread(batcher.close)
        return await asyncio.gather(*waiting)

    assert [ranking.score.tolist() for ranking in asyncio.run(ask())] == [[0], [1], [2]]


def test_samples_of_another_kind_wait_for_their_turn(model, batcher):
    async def ask():
        model.may_go_on.clear()
        first = asyncio.ensure_future(batcher.rank(rows(1), ["a"]))
        await begun(model)
        others = [asyncio.ensure_future(batcher.rank(one, ["b"])) for one in (rows(2), np.repeat(rows(3), 2, axis=1))]
        last = asyncio.ensure_future(batcher.rank(rows(4), ["c"]))
        await asyncio.sleep(0)
        model.may_go_on.set()
        return await asyncio.gather(first, *others, last)

    assert [ranking.score.tolist() for ranking in asyncio.run(ask())] == [[1], [2], [3], [4]]
    assert model.met == [1, 1, 1, 1]
