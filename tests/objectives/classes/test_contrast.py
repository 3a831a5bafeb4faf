import numpy as np
import pytest
import torch

from poleward.objectives.classes.catalogue import build_class_objective
from poleward.objectives.classes.contrast import contrastive_loss

UNIT = torch.nn.functional.normalize(torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), dim=1)
GROUPS = torch.tensor([0, 0, 1, 1, 1, 2])


def test_the_loss_is_the_formula():
    z, per_point = UNIT.numpy(), []
    for i in range(5):  # the sixth has no positive
        others = [a for a in range(6) if a != i]
        total = sum(np.exp(z[i] @ z[a] / 0.5) for a in others)
        positive = [p for p in others if GROUPS[p] == GROUPS[i]]
        per_point.append(-np.mean([np.log(np.exp(z[i] @ z[p] / 0.5) / total) for p in positive]))
    assert contrastive_loss(UNIT, GROUPS, 0.5).item() == pytest.approx(np.mean(per_point), rel=1e-5)


def test_no_positives_at_all_ask_for_nothing():
    assert contrastive_loss(UNIT, torch.arange(6), 0.5).item() == 0


def test_csi_tells_turned_views_apart_and_sup_con_does_not():
    csi, sup_con = (build_class_objective(name, 4, 2) for name in ("csi", "sup-con"))
    assert (csi.views, csi.turns, sup_con.views, sup_con.turns) == (8, 4, 2, 1)
    labels = torch.zeros(4, dtype=torch.int64)
    csi.projection, csi.probe_loss = torch.nn.Identity(), lambda *_: 0.0
    apart = torch.eye(4).repeat(2, 1).repeat_interleave(4, dim=0)
    together = torch.eye(4)[[0]].expand(32, 4)
    assert csi.loss(apart, labels, 0, 1) < csi.loss(together, labels, 0, 1)
