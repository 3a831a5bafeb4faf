"""Build wheel and sdist, a CycloneDX list of the packages behind them, and their licences, into dist.

Usage: python scripts/release.py
"""

import json
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
EXTRAS = ("data", "report", "explore", "serve")
"""What users install; tools of development are not part of a release."""

OWN_PLACES = re.compile(r"file:|https?://(?!(?:[\w-]+\.)*(?:cyclonedx\.org|spdx\.org)[/\"])[^\"]*simple", re.IGNORECASE)
"""Addresses of this machine and of the index that it installs from."""


def behind(name: str, extras: tuple[str, ...]) -> set[str]:
    """Normalised names of a package and of all that it needs here with some extras."""
    found: set[str] = set()
    waiting = [(canonicalize_name(name), frozenset(extras))]
    seen = set(waiting)
    while waiting:
        package, asked = waiting.pop()
        found.add(package)
        for text in distribution(package).requires or ():
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in asked | {""}):
                other = (canonicalize_name(needed.name), frozenset(needed.extras))
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
    return found


def licence(name: str) -> str:
    """What a package says of its licence, in one line."""
    told = distribution(name).metadata
    classified = [text.rpartition(" :: ")[2] for text in told.get_all("Classifier") or () if text.startswith("License")]
    return told.get("License-Expression") or ", ".join(classified) or (told.get("License") or "unknown").split("\n")[0]


def bill_of_materials(packages: set[str]) -> dict[str, Any]:
    """The CycloneDX list of this environment, without what a release does not need and where it came from."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(ROOT / "pyproject.toml")]
    told = subprocess.run(
        [*command, "--output-reproducible", "--short-PURLs"], check=True, capture_output=True, text=True
    )
    listed: dict[str, Any] = json.loads(told.stdout)
    kept = [part for part in listed["components"] if canonicalize_name(part["name"]) in packages]
    for part in (*kept, listed["metadata"]["component"]):
        part.pop("externalReferences", None)
    known = {part["bom-ref"] for part in (*kept, listed["metadata"]["component"])}
    listed["components"] = [part for part in kept if part["name"] != "poleward"]
    listed["dependencies"] = [
        link | {"dependsOn": [other for other in link.get("dependsOn", ()) if other in known]}
        for link in listed["dependencies"]
        if link["ref"] in known
    ]
    return listed


def require_nothing_of_this_machine(text: str) -> None:
    """SystemExit where a text names a place on this machine or the index that it installs from."""
    found = OWN_PLACES.search(text)
    if found or str(ROOT) in text or str(Path.home()) + "/" in text or sys.prefix in text:
        raise SystemExit(f"the list of packages names a place of this machine: {found and found[0]}")


def main() -> None:
    """Fill dist."""
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST, ROOT], check=True)
    packages = behind("poleward", EXTRAS)
    bill = json.dumps(bill_of_materials(packages), indent=1)
    require_nothing_of_this_machine(bill)
    name = f"poleward-{distribution('poleward').version}"
    (DIST / f"{name}.cdx.json").write_text(bill + "\n")
    lines = [f"{package} {distribution(package).version}: {licence(package)}" for package in sorted(packages)]
    (DIST / f"{name}-licences.txt").write_text("\n".join(lines) + "\n")
    print(
        f"{len(packages)} packages; wheel, sdist, list of packages and licences lie in {DIST.relative_to(Path.cwd())}"
    )


if __name__ == "__main__":
    main()
