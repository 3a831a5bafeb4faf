"""API keys: who may ask, compared in a time that tells nothing of them."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path

from poleward.errors import SettingError

VARIABLE = "POLEWARD_API_KEY"
SHORTEST = 16
"""Characters; `python -c "import secrets; print(secrets.token_urlsafe(32))"` makes 43."""


class Keys:
    """Keys that are accepted; of each only a digest is kept. Without any, everybody is.

    >>> Keys(["0123456789abcdef"]).admit("0123456789abcdef"), Keys(["0123456789abcdef"]).admit("")
    (True, False)
    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        for number, key in enumerate(keys, start=1):
            if len(key) < SHORTEST or not (key.isascii() and key.isprintable()):
                raise SettingError(f"API key {number} has to be at least {SHORTEST} printable ASCII characters long")
        self._digests = [_digest(key) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def admit(self, given: str) -> bool:
        """Whether it is one of the keys; every key is compared, and every comparison takes as long as any other."""
        digest = _digest(given)
        matches = [hmac.compare_digest(digest, own) for own in self._digests]
        return any(matches) or not matches


def read_keys(file: Path | None, environment: Mapping[str, str]) -> Keys:
    """The keys of a file, one a line, else the one of the environment variable ``POLEWARD_API_KEY``, else none.

    Errors
    ------
    SettingError for a file that cannot be read or holds no key, and for a key that is too short.
    """
    if file is None:
        return Keys([environment[VARIABLE]] if VARIABLE in environment else [])
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{file}: API keys cannot be read from it ({error})") from error
    keys = [line.strip() for line in lines if line.strip()]
    if not keys:
        raise SettingError(f"{file}: holds no API key; write one on each line")
    return Keys(keys)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
