"""The scores of features and logits by name. ODIN is not among them: it needs the classifier itself."""

from collections.abc import Callable

from poleward.errors import SettingError
from poleward.ood.ash import ASH
from poleward.ood.dice import DICE
from poleward.ood.energy import Energy
from poleward.ood.grad_norm import GradNorm
from poleward.ood.mahalanobis import Mahalanobis
from poleward.ood.max_logit import MaxLogit
from poleward.ood.msp import MSP
from poleward.ood.nearest import Nearest
from poleward.ood.outputs import Head, PostHoc
from poleward.ood.react import ReAct
from poleward.ood.subspace import SubspaceNearest
from poleward.ood.vim import ViM

SCORES: dict[str, Callable[[], PostHoc]] = {
    "msp": MSP,
    "max-logit": MaxLogit,
    "energy": Energy,
    "knn": Nearest,
    "mahalanobis": Mahalanobis,
    "grad-norm": GradNorm,
}
WITH_HEAD: dict[str, Callable[[Head], PostHoc]] = {
    "react": ReAct,
    "dice": DICE,
    "vim": ViM,
    "snn": SubspaceNearest,
    "ash-s": lambda head: ASH(head, "s"),
    "ash-p": lambda head: ASH(head, "p"),
    "ash-b": lambda head: ASH(head, "b"),
}
"""Those that also need the last linear layer."""

NAMES = (*SCORES, *WITH_HEAD)


def build_score(name: str, head: Head | None = None) -> PostHoc:
    """The named score; SettingError for an unknown name, or for one that needs a head where there is none.

    >>> type(build_score("energy")).__name__
    'Energy'
    """
    if name in SCORES:
        return SCORES[name]()
    if name not in WITH_HEAD:
        raise SettingError(f"score {name!r} is unknown; choose one of {', '.join(NAMES)}")
    if head is None:
        raise SettingError(f"score {name!r} needs the last linear layer; give a Head of its weight and bias")
    return WITH_HEAD[name](head)
