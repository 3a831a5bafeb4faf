r"""What the other cells of a row say about each cell: a masked autoencoder that learns on the dirty rows themselves.

Every column is cut into slots (its known values, or intervals of numbers). Cells of a row are hidden at random; what
remains is embedded, squeezed into a code, and decoded into a probability for each slot of the hidden cells. A hidden
cell that was in slot s costs

    -ln [ (1 - eps) p_s + eps m_s ]

with m the frequencies of the slots in the column: a cell that the rest of its row contradicts has a vanishing
gradient, so that wrong cells do not teach (the mixture of Eduardo et al. 2020, "RVAE").
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor, nn

from poleward.correction.verdict import DIRTY
from poleward.networks.multilayer import NEGATIVE_SLOPE

WIDTH = 256
"""Units of the code."""

DROPPED = 0.5
"""Share of the code's units that a training step does without."""

MOST_HIDDEN = 0.3
"""Largest share of a row's cells that are hidden at a time."""

BATCH = 256
MOST_STEPS, FEWEST_STEPS = 2000, 400
EPOCHS = 100
SLOT_STEPS = 1_000_000
"""Steps times slots that training may take."""

LEARNING_RATE = 4e-3
CORRUPTED = 0.05
"""Share of the shown cells that another row's cell stands in for: the code learns not to trust a single cell."""

LEAVE_OUT = 32
"""Most passes over a row: with more columns, several are hidden at a time."""

CHUNK = 512
"""Rows computed at a time."""

FEWEST_ROWS = 40
"""Rows from which on two networks learn from one half each."""

MOST_TRIED = 1000
"""Rows of each half that the other half's network is tried on."""

TRUSTS = np.linspace(0.0, 1.0, 11)
UNTRIED = 0.5
"""How far the other cells may be believed, and how far they are when that could not be tried."""

LARGEST_LOGIT = 30.0
LARGEST_GRADIENT_NORM = 1.0


Weights: TypeAlias = Mapping[str, NDArray[np.float64]]
"""Of a `MaskedAutoencoder`, by the names of its state."""


@dataclass(frozen=True)
class Layout:
    """Where the slots of each column lie: column j has those from ``starts[j]`` to ``starts[j + 1]``.

    >>> Layout.of([2, 3]).column.tolist()
    [0, 0, 1, 1, 1]
    """

    starts: Int64[np.ndarray, " d_plus_1"]

    @classmethod
    def of(cls, widths: Sequence[int]) -> "Layout":
        """Columns of these many slots, side by side."""
        return cls(np.concatenate([[0], np.cumsum(np.asarray(widths, np.int64))]).astype(np.int64))

    @property
    def n_columns(self) -> int:
        """How many columns."""
        return len(self.starts) - 1

    @property
    def n_slots(self) -> int:
        """How many slots in all."""
        return int(self.starts[-1])

    @property
    def column(self) -> Int64[np.ndarray, " slots"]:
        """The column of each slot."""
        return np.repeat(np.arange(self.n_columns), np.diff(self.starts))

    @property
    def ranges(self) -> list[slice]:
        """The slots of every column."""
        return [slice(int(start), int(stop)) for start, stop in itertools.pairwise(self.starts)]


@dataclass(frozen=True)
class Shown:
    """Rows as the network takes them.

    slot : (n, d) slot within its column, -1 for a cell that is not shown
    value : (n, d) number in its column's own scale, 0 for what is no number
    """

    slot: Int64[np.ndarray, "n d"]
    value: Float64[np.ndarray, "n d"]

    def __getitem__(self, rows: Any) -> "Shown":
        return Shown(self.slot[rows], self.value[rows])

    def without(self, hidden: NDArray[np.bool_]) -> "Shown":
        """The same rows with some cells not shown."""
        return Shown(np.where(hidden, -1, self.slot), np.where(hidden, 0.0, self.value))


@dataclass(frozen=True)
class Order:
    """Which slots have a place among those of their column, and which have weights of their own.

    ranks : the place, NaN in a column without an order
    alone : whether a slot has weights of its own

    >>> Order.none(2).alone.tolist()
    [True, True]
    """

    ranks: Float64[np.ndarray, " slots"]
    alone: Bool[np.ndarray, " slots"]

    @classmethod
    def none(cls, n_slots: int) -> "Order":
        """No slot has a place."""
        return cls(np.full(n_slots, np.nan), np.ones(n_slots, bool))


class MaskedAutoencoder(nn.Module):
    r"""Shown cells -> code -> logits of every slot, by one hidden layer.

    The embedding has one row for each slot and, behind these, one for each column where its cell is not shown. With h
    the code and t_s the rank of slot s, the logits are

    w_s . h + a_s + t_s u . h + t_s^2 v . h

    Categories without an order have but w_s and a_s; those with one have no w_s, so that what the others say moves all
    the levels at once (adjacent categories, Agresti 2010, with a spread). Numbers have both: a column's own law tilted
    by exp(t u.h + t^2 v.h) is a Gaussian one where the column is, and w_s tells what else a row says of a number.
    """

    starts: Tensor
    column: Tensor
    log_frequency: Tensor
    alone: Tensor
    powers: Tensor

    def __init__(self, layout: Layout, frequency: Float64[np.ndarray, " slots"], order: Order) -> None:
        super().__init__()
        d, total = layout.n_columns, layout.n_slots
        self.embedding = nn.Embedding(total + d, WIDTH)
        self.of_value = nn.Linear(d, WIDTH)
        self.decoder = nn.Linear(WIDTH, total)
        powers = rank_powers(layout, order.ranks)
        self.together = nn.Linear(WIDTH, powers.shape[1], bias=False) if powers.shape[1] else None
        self.register_buffer("powers", torch.from_numpy(powers).float(), persistent=False)
        self.register_buffer("alone", torch.from_numpy(order.alone[:, None]), persistent=False)
        nn.init.normal_(self.embedding.weight, std=1 / math.sqrt(d))
        log_frequency = torch.from_numpy(np.log(frequency)).float()
        with torch.no_grad():
            self.decoder.bias.copy_(log_frequency)
        self.register_buffer("log_frequency", log_frequency, persistent=False)
        self.register_buffer("starts", torch.from_numpy(layout.starts[:-1]), persistent=False)
        self.register_buffer("column", torch.from_numpy(layout.column), persistent=False)
        self.total = total

    def forward(self, slot: Tensor, value: Tensor) -> Tensor:
        """(batch, d) slots and values -> (batch, slots) logits."""
        d = slot.shape[1]
        hidden = torch.arange(self.total, self.total + d)
        at = torch.where(slot >= 0, slot + self.starts, hidden)
        h = nn.functional.embedding_bag(at, self.embedding.weight, mode="sum") + self.of_value(value)
        code = nn.functional.dropout(nn.functional.leaky_relu(h, NEGATIVE_SLOPE), DROPPED, self.training)
        logits = nn.functional.linear(code, self.decoding(), self.decoder.bias)
        return logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT)

    def decoding(self) -> Tensor:
        """(slots, units) weights of the logits."""
        if self.together is None:
            return self.decoder.weight
        return self.decoder.weight * self.alone + self.powers @ self.together.weight

    def weights(self) -> Weights:
        """What was learned, an order already taken into the decoder."""
        learned = {name: array for name, array in self.state_dict().items() if not name.startswith("together")}
        learned["decoder.weight"] = self.decoding().detach()
        return {name: array.numpy().astype(np.float64) for name, array in learned.items()}

    def log_probability(self, logits: Tensor, slot: Tensor) -> Tensor:
        """(batch, d) ln p of the given slots (those of -1 mean nothing)."""
        total = torch.zeros(slot.shape, dtype=logits.dtype).index_add(1, self.column, logits.exp())
        return logits.gather(1, slot.clamp_min(0) + self.starts) - total.log()


def rank_powers(layout: Layout, ranks: Float64[np.ndarray, " slots"]) -> Float64[np.ndarray, "slots powers"]:
    """The rank of each slot and its square, in two columns of their own for each column that has an order.

    >>> rank_powers(Layout.of([1, 2]), np.array([np.nan, -1.0, 2.0])).tolist()
    [[0.0, 0.0], [-1.0, 1.0], [2.0, 4.0]]
    """
    ordered = np.unique(layout.column[~np.isnan(ranks)])
    of_column = (layout.column[:, None] == ordered) * np.nan_to_num(ranks)[:, None]
    return np.concatenate([of_column, of_column**2], axis=1)


def trained(
    layout: Layout,
    shown: Shown,
    target: NDArray[np.int64],
    frequency: Float64[np.ndarray, " slots"],
    order: Order,
    seed: int,
) -> Weights:
    """The weights of a network after its training, by Adam with a learning rate that rises and falls once."""
    rng = np.random.default_rng(seed)
    n_steps = steps(len(target), layout.n_slots)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MaskedAutoencoder(layout, frequency, order)
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=n_steps + 1)
        for rows in batches(len(target), n_steps, rng):
            loss = hidden_cells_cost(model, *hide(shown[rows], shown, rng), target[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT_NORM)
            optimizer.step()
            schedule.step()
    return model.weights()


def hidden_cells_cost(
    model: MaskedAutoencoder, shown: Shown, hidden: NDArray[np.bool_], target: NDArray[np.int64]
) -> Tensor:
    """Mean cost of the hidden cells, by the formula above."""
    slot = torch.from_numpy(target)
    logits = model(torch.from_numpy(shown.slot), torch.from_numpy(shown.value).float())
    clean = model.log_probability(logits, slot) + math.log(1 - DIRTY)
    dirty = model.log_frequency[slot.clamp_min(0) + model.starts] + math.log(DIRTY)
    counted = torch.from_numpy(hidden) & (slot >= 0)
    return -(torch.logaddexp(clean, dirty) * counted).sum() / counted.sum().clamp_min(1)


def hide(shown: Shown, pool: Shown, rng: np.random.Generator) -> tuple[Shown, NDArray[np.bool_]]:
    """Hide a random share of each row's cells, from next to none to half, and corrupt a few of the others."""
    n, d = shown.slot.shape
    share = rng.uniform(1 / d, max(MOST_HIDDEN, 1 / d), (n, 1))
    hidden = rng.random((n, d)) < share
    strange = rng.random((n, d)) < CORRUPTED
    other, column = rng.integers(len(pool.slot), size=(n, d)), np.arange(d)
    slot = np.where(strange, pool.slot[other, column], shown.slot)
    value = np.where(strange, pool.value[other, column], shown.value)
    return Shown(slot, value).without(hidden), hidden


def steps(n_rows: int, n_slots: int) -> int:
    """How many batches to train on."""
    wanted = int(np.clip(n_rows * EPOCHS // BATCH, FEWEST_STEPS, MOST_STEPS))
    return max(1, min(wanted, SLOT_STEPS // n_slots))


def batches(n_rows: int, n_steps: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Row numbers, epoch after epoch in new order."""
    order = rng.permutation(n_rows)
    at = 0
    for _ in range(n_steps):
        if at >= n_rows:
            order, at = rng.permutation(n_rows), 0
        yield order[at : at + BATCH]
        at += BATCH


def frequencies(layout: Layout, target: NDArray[np.int64]) -> Float64[np.ndarray, " slots"]:
    """Share of each slot among the cells of its column, half a cell added to each."""
    counts = np.full(layout.n_slots, 0.5)
    at = (target + layout.starts[:-1])[target >= 0]
    counts += np.bincount(at, minlength=layout.n_slots)
    totals = np.bincount(layout.column, counts, layout.n_columns)
    return counts / totals[layout.column]


@contextmanager
def one_thread() -> Iterator[None]:
    """Within this context torch computes in one thread: small networks gain nothing from more, and wait for them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Conditional:
    r"""p(cell | the other cells of its row), for every column: the trained networks as plain float64 arrays.

    Two networks, f and g, learn from one half of the rows each. A wrong value that one of them knows by heart is news
    to the other, so a value counts as likely only if both say so. With m the frequencies of a column's slots,

    p(s | others) ~ min(f(s | others), g(s | others))^t m(s)^(1 - t)

    where the trust t of a column is the one that explains the other half's rows best: a column that the others say
    little about is left to its frequencies. Without networks p = m.

    layout : of the slots
    frequency : m
    networks : the weights of each, or none
    trust : of every column, in [0, 1]

    >>> alone = Conditional.of_frequencies(Layout.of([2, 3]), np.array([[0, 2], [0, 1]]))
    >>> [p.round(3).tolist() for p in alone.probabilities(Shown(np.array([[0, 1]]), np.zeros((1, 2))))]
    [[[0.833, 0.167]], [[0.143, 0.429, 0.429]]]
    """

    layout: Layout
    frequency: Float64[np.ndarray, " slots"]
    networks: tuple[Weights, ...]
    trust: Float64[np.ndarray, " d"]

    @classmethod
    def of_frequencies(cls, layout: Layout, target: NDArray[np.int64]) -> "Conditional":
        """The frequencies alone."""
        return cls(layout, frequencies(layout, target), (), np.zeros(layout.n_columns))

    @classmethod
    def fit(
        cls, layout: Layout, shown: Shown, target: NDArray[np.int64], seed: int, order: Order | None = None
    ) -> "Conditional":
        """Train on rows: ``shown`` to look at, ``target`` (n, d) the slots to foretell, -1 for none.

        order : of the slots; None if none has a place
        """
        order = order or Order.none(layout.n_slots)
        drawn, frequency = np.random.default_rng(seed).permutation(len(target)), frequencies(layout, target)
        halves = [drawn[::2], drawn[1::2]] if len(target) >= FEWEST_ROWS else [drawn]
        networks = tuple(trained(layout, shown[rows], target[rows], frequency, order, seed) for rows in halves)
        whole = cls(layout, frequency, networks, np.full(layout.n_columns, UNTRIED))
        if len(halves) == 1:
            return whole
        tried = [
            replace(whole, networks=(network,))._explained(shown[rows[:MOST_TRIED]], target[rows[:MOST_TRIED]])
            for network, rows in zip(networks, reversed(halves), strict=True)
        ]
        return replace(whole, trust=TRUSTS[np.sum(tried, axis=0).argmax(0)])

    def probabilities(self, shown: Shown, at_a_time: int = CHUNK) -> list[Float64[np.ndarray, "n slots"]]:
        """For each column, the probability of its slots given the other shown cells of each row.

        at_a_time : at least n; so many rows are computed, whatever n, so that none depends on those beside it
        """
        n = len(shown.slot)
        log_m = [np.log(self.frequency[slots]) for slots in self.layout.ranges]
        if not self.networks:
            return [softmax(np.repeat(log[None], n, axis=0)) for log in log_m]
        logs = self._log_supported(shown[np.minimum(np.arange(at_a_time), n - 1)])
        return [softmax(t * log[:n] + (1 - t) * m) for t, log, m in zip(self.trust, logs, log_m, strict=True)]

    def _log_supported(self, shown: Shown) -> list[NDArray[np.float64]]:
        """ln of the smallest probability that a network gives, for every column."""
        found = [dict(left_out(network, self.layout, shown)) for network in self.networks]
        columns = range(self.layout.n_columns)
        return [np.minimum.reduce([log_softmax(logits[column]) for logits in found]) for column in columns]

    def _explained(self, shown: Shown, target: NDArray[np.int64]) -> Float64[np.ndarray, "trusts d"]:
        """Sum over rows of ln [ (1 - eps) p_s + eps m_s ], for every trust and column."""
        found = np.zeros((len(TRUSTS), self.layout.n_columns))
        for start in range(0, len(target), CHUNK):
            some = slice(start, start + CHUNK)
            own, rows = target[some], np.arange(len(target[some]))
            logs = self._log_supported(shown[some][np.minimum(np.arange(CHUNK), len(rows) - 1)])
            for column, slots in enumerate(self.layout.ranges):
                m, at = self.frequency[slots], own[:, column]
                for turn, t in enumerate(TRUSTS):
                    clean = softmax(t * logs[column][rows] + (1 - t) * np.log(m))[rows, at]
                    found[turn, column] += (np.log((1 - DIRTY) * clean + DIRTY * m[at]) * (at >= 0)).sum()
        return found


def left_out(weights: Weights, layout: Layout, shown: Shown) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Columns and the logits of their slots, each computed without the column itself, and a few others if many."""
    turns = [np.arange(turn, layout.n_columns, LEAVE_OUT) for turn in range(LEAVE_OUT)]
    parts = [(columns, embedded(weights, layout, shown, columns)) for columns in turns if len(columns)]
    whole = sum(part for _, part in parts) + weights["of_value.bias"]
    for columns, part in parts:
        hidden = weights["embedding.weight"][layout.n_slots + columns].sum(0)
        code = rectified(whole - part + hidden)
        for column in columns.tolist():
            slots = layout.ranges[column]
            logits = code @ weights["decoder.weight"][slots].T + weights["decoder.bias"][slots]
            yield column, np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)


def embedded(
    weights: Weights, layout: Layout, shown: Shown, columns: NDArray[np.int64]
) -> Float64[np.ndarray, "rows width"]:
    """What the cells of some columns add to the code."""
    total = np.zeros((len(shown.slot), WIDTH))
    for column in columns:
        slot = shown.slot[:, column]
        at = np.where(slot >= 0, slot + layout.starts[column], layout.n_slots + column)
        total += weights["embedding.weight"][at]
        total += shown.value[:, column, None] * weights["of_value.weight"][:, column]
    return total


def rectified(h: NDArray[np.float64]) -> NDArray[np.float64]:
    """LeakyReLU."""
    return np.maximum(h, NEGATIVE_SLOPE * h)


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln of the probabilities along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities along the last axis."""
    return np.exp(log_softmax(logits))
