"""What one could have used instead to find wrong cells of a table: (n, columns) scores, higher is more suspicious."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from poleward.autoencoder.autoencoder import Autoencoder
from poleward.correction.table import TableCorrector
from poleward.data.columns import TablePreparation
from poleward.objectives.catalogue import build_objective
from poleward.records import Features
from poleward.training.loop import Plan, to_tensors, train
from poleward.training.threads import one_thread_for

Scores = NDArray[np.float64]
Rival = Callable[[pa.Table, int], Scores]

N_LATENT = 16
EPOCHS = 100
BATCH = 128


def without_network(table: pa.Table, seed: int) -> Scores:
    """The same pipeline without the autoencoder: spelling and frequencies of each column alone."""
    return TableCorrector.fit(table, seed, network=False).correct(table)[1]


def rarity(table: pa.Table, seed: int) -> Scores:
    """-ln of the share of the cells of the column that hold the same value."""
    scores = np.empty((table.num_rows, table.num_columns))
    for at, column in enumerate(table.columns):
        codes = column.combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False) + 1
        scores[:, at] = -np.log(np.bincount(codes)[codes] / len(codes))
    return scores


def isolation_forest(table: pa.Table, seed: int) -> Scores:
    """Isolation Forest on one-hot rows: every cell has its row's score."""
    score = -IsolationForest(random_state=seed).fit(rows := prepared(table)[1].values).score_samples(rows)
    return np.repeat(score[:, None], table.num_columns, axis=1)


def plain_autoencoder(table: pa.Table, seed: int) -> Scores:
    """-ln p(cell | z) under a plain variational autoencoder, at the posterior's mean; 0 for a column left out."""
    preparation, features = prepared(table)
    kinds = [block.start for block in preparation.blocks if block.kind == "numeric"]
    variances = features.values.var(axis=0)[kinds].tolist()
    objective = build_objective("variational")
    model = Autoencoder(preparation.shape, preparation.blocks, variances, N_LATENT, objective, seed=seed)
    with one_thread_for(rows=True):
        train(model, features.__getitem__, len(features), Plan(EPOCHS, BATCH, 1e-3, seed))
        with torch.no_grad():
            values, observed = to_tensors(features, "cpu")
            found = model.reconstruct(model.draw(model.posterior(values, observed), None)).double().numpy()
    scores = np.zeros((table.num_rows, table.num_columns))
    noise = dict(zip(kinds, model.observation.noise_variance.flatten().tolist(), strict=True))
    for block in preparation.blocks:
        slots = slice(block.start, block.start + block.width)
        given, expected = features.values[:, slots], found[:, slots]
        if block.kind == "numeric":
            variance = noise[block.start]
            nats = 0.5 * ((given - expected)[:, 0] ** 2 / variance + np.log(2 * np.pi * variance))
        else:
            nats = -np.log(np.maximum((given * expected).sum(1), 1e-12)) * (given.sum(1) > 0)
        scores[:, table.column_names.index(block.name)] = nats
    return scores


def prepared(table: pa.Table) -> tuple[TablePreparation, Features]:
    """Rows as the detector sees them; numbers scaled, categories one-hot."""
    preparation = TablePreparation().fit(table)
    return preparation, preparation.encode(table)


RIVALS: dict[str, Rival] = {
    "Isolation Forest": isolation_forest,
    "rarity": rarity,
    "plain VAE": plain_autoencoder,
    "without autoencoder": without_network,
}
