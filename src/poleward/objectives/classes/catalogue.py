"""The objectives with class labels by name."""

from collections.abc import Callable
from functools import partial

from poleward.errors import SettingError
from poleward.objectives.classes.ce_simclr import CeSimclr
from poleward.objectives.classes.cider import Cider
from poleward.objectives.classes.cross_entropy import CrossEntropy
from poleward.objectives.classes.csi import Csi
from poleward.objectives.classes.godin import Godin
from poleward.objectives.classes.islands import Islands
from poleward.objectives.classes.logit_norm import LogitNorm
from poleward.objectives.classes.objective import ClassObjective
from poleward.objectives.classes.proxy_anchor import ProxyAnchor
from poleward.objectives.classes.published import Published
from poleward.objectives.classes.sup_con import SupCon

CLASS_OBJECTIVES: dict[str, Callable[..., ClassObjective]] = {
    "islands": Islands,
    "islands-vmf": partial(Islands, kind="vmf"),
    "cross-entropy": CrossEntropy,
    "logit-norm": LogitNorm,
    "godin": Godin,
    "sup-con": SupCon,
    "proxy-anchor": ProxyAnchor,
    "cider": Cider,
    "ce-simclr": CeSimclr,
    "csi": Csi,
    "published": Published,
    "published-vmf": partial(Published, kind="vmf"),
}


def build_class_objective(name: str, n_features: int, n_classes: int, **settings: float | str) -> ClassObjective:
    """The named objective for f features and C classes; SettingError for an unknown name.

    >>> build_class_objective("islands-vmf", n_features=8, n_classes=3).kind
    'vmf'
    """
    if name not in CLASS_OBJECTIVES:
        raise SettingError(f"class objective {name!r} is unknown; choose one of {', '.join(CLASS_OBJECTIVES)}")
    return CLASS_OBJECTIVES[name](n_features, n_classes, **settings)
