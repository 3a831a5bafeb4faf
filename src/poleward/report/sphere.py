"""The latent sphere in a page: codes in, HTML with WebGL out, which needs neither a network nor a library.

Each sample is a point (`poleward.geometry.picture`). The drawing itself stands in ``sphere.js``, which a page may also
use by hand: ``poleward.createSphere(canvas, {positions, values, onPick})``.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from poleward.errors import SettingError
from poleward.geometry.picture import on_sphere

MOST_CLASSES = 256
REST = "all others"

HINT = (
    "Drag to turn, click a point to select it. Click first, then turn the wheel to zoom. With the keyboard: "
    "<kbd>arrows</kbd> turn, <kbd>+</kbd> <kbd>-</kbd> zoom, <kbd>N</kbd> <kbd>P</kbd> go down and up the ranking, "
    "<kbd>Home</kbd> resets, <kbd>Esc</kbd> selects nothing."
)
EXPLAINED = (
    "Each point is a sample: the means of the first, the middle and the last third of its latent coordinates, brought "
    "to length 1. The circles are where one of the three is 0; points behind are paler."
)
MISSING = "The sphere cannot be drawn: this browser has no WebGL 2, or it is switched off. Nothing else depends on it."


@dataclass(frozen=True)
class Cloud:
    """The codes of one model, for one sphere.

    name : what stands above it
    codes : (n, k) latent means, k at least 3
    scores : (n,) higher is more anomalous
    """

    name: str
    codes: Float[np.ndarray, "n k"]
    scores: Float[np.ndarray, " n"]


def fragment(clouds: Sequence[Cloud], ids: Sequence[str], classes: Mapping[str, Sequence[str]] | None = None) -> str:
    """HTML of one sphere, or of several side by side that turn together, complete with style, data and script.

    Every text is escaped: none of it can become markup, whatever files are called. Scripts must be allowed where the
    page has a policy: `script_source` is what its ``script-src`` has to name.

    Parameters
    ----------
    clouds : one per sphere, all of the same n samples in the same order; ranks are those of the first
    ids : n names
    classes : what the points can be coloured by beside the score, name -> n values

    Errors
    ------
    SettingError when a cloud, the ids or a class do not have one value for every sample.
    """
    classes = dict(classes or {})
    _require_equal_lengths(clouds, ids, classes)
    choices = "".join(f'<option value="{i}">{escape(name)}</option>' for i, name in enumerate(["score", *classes]))
    html = f"""<figure class="sphere" data-sphere>
<style>{style()}</style>
<div class="sphere-live">
<div class="sphere-controls"><label>Colour <select>{choices}</select></label>
<button type="button" class="sphere-reset">Reset</button></div>
<div class="sphere-clouds">{"".join(_stage(cloud, len(ids)) for cloud in clouds)}</div>
<div class="sphere-legend"></div>
<p class="sphere-said" role="status"></p>
<figcaption>{EXPLAINED} {HINT}</figcaption>
</div>
<p class="sphere-missing" hidden>{MISSING}</p>
<noscript><p>The sphere needs JavaScript.</p></noscript>
<script type="application/json">{_data(clouds, ids, classes)}</script>
<script>{script()}</script>
</figure>"""
    return html.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair of a file name cannot be written


def script() -> str:
    """The script alone, for a page that brings its own markup or serves the file once."""
    return files("poleward.report").joinpath("sphere.js").read_text(encoding="utf-8")


def style() -> str:
    """The style sheet alone."""
    return files("poleward.report").joinpath("sphere.css").read_text(encoding="utf-8")


def script_source() -> str:
    """The script as a Content-Security-Policy names it.

    >>> script_source()[:8]
    "'sha256-"
    """
    digest = hashlib.sha256(script().encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _require_equal_lengths(clouds: Sequence[Cloud], ids: Sequence[str], classes: Mapping[str, Sequence[str]]) -> None:
    if not clouds:
        raise SettingError("a sphere needs the codes of one model at least; found none")
    found = {f"the codes of {cloud.name}": len(cloud.codes) for cloud in clouds}
    found |= {f"the scores of {cloud.name}": len(cloud.scores) for cloud in clouds}
    found |= {f"the classes {name}": len(values) for name, values in classes.items()}
    for what, length in found.items():
        if length != len(ids):
            raise SettingError(f"{what}: found {length}; there are {len(ids)} samples, and each needs one")


def _stage(cloud: Cloud, n: int) -> str:
    name = escape(cloud.name)
    said = f"Sphere of {n:,} samples, {name}. Arrow keys turn it, plus and minus zoom, N and P go through the ranking."
    return (
        f'<div class="sphere-cloud"><p>{name}</p><div class="sphere-stage">'
        f'<canvas tabindex="0" role="application" aria-label="{said}"></canvas>'
        '<div class="sphere-note" hidden></div></div></div>'
    )


def _data(clouds: Sequence[Cloud], ids: Sequence[str], classes: Mapping[str, Sequence[str]]) -> str:
    """JSON that can stand inside a script element: no character of it starts a tag."""
    content = {
        "ids": list(ids),
        "clouds": [
            {
                "name": cloud.name,
                "positions": _base64(on_sphere(cloud.codes), "<f4"),
                "scores": _base64(cloud.scores, "<f4"),
            }
            for cloud in clouds
        ],
        "classes": [{"name": name, **_numbered(values)} for name, values in classes.items()],
    }
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")


def _base64(values: NDArray[Any], dtype: str) -> str:
    with np.errstate(over="ignore"):  # a score beyond float32 is as good as infinite here
        return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")


def _numbered(values: Sequence[str]) -> dict[str, Any]:
    """Class names, the most frequent first, and the number of each value; what is too rare for a byte is one class."""
    names, first, counts = np.unique(np.asarray(values, dtype=object), return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names))
    shown = [str(names[i]) for i in order]
    if len(shown) > MOST_CLASSES:
        shown = [*shown[: MOST_CLASSES - 1], REST]
    return {"names": shown, "numbers": _base64(np.minimum(place[first], MOST_CLASSES - 1), "u1")}
