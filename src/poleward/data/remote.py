"""Sources at an address, s3://bucket/rows.parquet, fetched once to a temporary folder that ends with the process."""

import atexit
import re
import tempfile
from functools import lru_cache
from pathlib import Path

from poleward.errors import SettingError, SourceError

_ADDRESS = re.compile(r"([a-z][a-z0-9+.]+):/{1,3}(?=[^/])(.+)", re.IGNORECASE)


def address_of(path: str | Path) -> str | None:
    """The address that a path stands for, or None for a path of this machine; a Path has lost one of its slashes.

    >>> address_of(Path("s3://bucket/rows.parquet")), address_of("C:/rows.parquet"), address_of("rows.parquet")
    ('s3://bucket/rows.parquet', None, None)
    """
    found = _ADDRESS.fullmatch(str(path))
    if found is None:
        return None
    protocol, place = found.groups()
    return f"{protocol}:///{place}" if protocol.lower() in ("file", "local") else f"{protocol}://{place}"


def local(path: str | Path) -> Path:
    """The path itself, or, of an address that fsspec knows, a copy on this machine, made once by each process.

    Errors
    ------
    SourceError when there is nothing at the address or it cannot be read; SettingError when what reads such addresses
    is not installed.
    """
    address = address_of(path)
    return Path(path) if address is None else _fetched(address)


@lru_cache
def _fetched(address: str) -> Path:
    try:
        import fsspec
    except ImportError as error:
        raise SettingError(f'{address}: reading it needs fsspec; run: pip install "poleward[remote]"') from error
    folder = tempfile.TemporaryDirectory(prefix="poleward-")
    atexit.register(folder.cleanup)
    try:
        system, place = fsspec.core.url_to_fs(address)
        copy = Path(folder.name) / place.rstrip("/").rpartition("/")[2]
        system.get(place, str(copy), recursive=system.isdir(place))
    except FileNotFoundError as error:
        raise SourceError(f"{address}: there is no such file or folder") from error
    except (ImportError, ValueError) as error:  # the protocol is unknown, or its package is missing
        raise SettingError(f"{address}: {error}") from error
    except OSError as error:
        raise SourceError(f"{address}: cannot be read ({' '.join(str(error).split())})") from error
    return copy
