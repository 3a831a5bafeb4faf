import pytest
import torch

from poleward.errors import SettingError
from poleward.objectives.classes.catalogue import CLASS_OBJECTIVES, build_class_objective

GENERATOR = torch.Generator().manual_seed(0)
CENTRES = 3 * torch.randn(4, 12, generator=GENERATOR)
LABELS = torch.arange(4).repeat_interleave(8)

everyone = pytest.mark.parametrize("name", CLASS_OBJECTIVES)


def built(name, n_classes=4, **settings):
    torch.manual_seed(0)
    return build_class_objective(name, 12, n_classes, **settings)


def features(labels, objective, centres=CENTRES):
    noise = torch.randn(objective.views * len(labels), 12, generator=torch.Generator().manual_seed(1))
    return centres[labels].repeat(objective.views, 1) + noise


@everyone
def test_a_step_of_its_head_against_the_gradient_lowers_the_loss(name):
    objective = built(name).double()
    x = features(LABELS, objective).double()
    before = objective.loss(x, LABELS, epoch=1, n_epochs=3)
    before.backward()
    with torch.no_grad():
        for parameter in objective.parameters():
            parameter -= 1e-6 * parameter.grad
    assert objective.loss(x, LABELS, epoch=1, n_epochs=3) < before


@everyone
def test_its_head_learns_to_name_the_classes(name):
    objective = built(name)
    body = torch.nn.Linear(12, 12)
    optimizer = torch.optim.Adam([*body.parameters(), *objective.parameters()], lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        objective.loss(body(features(LABELS, objective)), LABELS, epoch=1, n_epochs=3).backward()
        optimizer.step()
    objective.eval()
    clean = body(CENTRES)
    assert objective.logits(clean).argmax(1).tolist() == [0, 1, 2, 3]


@everyone
@pytest.mark.parametrize("labels", [[0, 0, 0, 3, 3, 1], [2, 2, 2, 2, 2, 2], [0, 1, 2, 3, 2, 1]])
def test_classes_that_are_rare_or_missing_in_a_batch_leave_finite_gradients(name, labels):
    objective = built(name)
    x = features(torch.tensor(labels), objective).requires_grad_()
    objective.loss(x, torch.tensor(labels), epoch=0, n_epochs=3).backward()
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in objective.parameters() if p.grad is not None)


@everyone
def test_a_thousand_classes_have_a_thousand_logits(name):
    objective = built(name, n_classes=1000)
    labels = torch.tensor([0, 0, 999, 999, 500])
    x = features(labels, objective, torch.randn(1000, 12, generator=GENERATOR))
    assert torch.isfinite(objective.loss(x, labels, epoch=0, n_epochs=3))
    assert objective.eval().logits(x).shape == (len(x), 1000)


@everyone
def test_a_sample_is_placed_and_named_whatever_its_batch(name):
    objective = built(name).eval()
    x = features(LABELS, objective)
    for say in (objective.logits, objective.codes):
        assert torch.allclose(say(x)[3:4], say(x[3:4]), atol=1e-5)


@pytest.mark.parametrize("name", ["sup-con", "cider", "proxy-anchor", "ce-simclr", "csi"])
def test_codes_of_contrastive_objectives_are_unit_vectors(name):
    objective = built(name)
    assert torch.allclose(objective.codes(CENTRES).norm(dim=1), torch.ones(4))


def test_an_unknown_objective_is_refused_with_the_known_ones():
    with pytest.raises(SettingError, match="'island' is unknown; choose one of islands, islands-vmf, cross-entropy"):
        build_class_objective("island", 12, 4)
