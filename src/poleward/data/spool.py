"""Samples on disk while they are needed: appended once, read again by row number, gone when nobody holds them."""

import os
import shutil
import tempfile
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from poleward.errors import OutputError


class Spool:
    """Rows of one shape and dtype in a nameless file of the folder for temporary files (TMPDIR).

    The file is read, not mapped into memory: a process holds the rows that it asked for and no others. The system
    removes the file when the process ends, however it ends.

    Parameters
    ----------
    shape : of one row
    expected : rows that will come, for a look at the room on the disc; 0 when that is not known

    Errors
    ------
    OutputError when the disc has no room for them.

    >>> spool = Spool((2,), "int64")
    >>> spool.append(np.array([[1, 2], [3, 4], [5, 6]]))
    >>> len(spool), spool[np.array([2, 0])].tolist()
    (3, [[5, 6], [1, 2]])
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike, expected: int = 0) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.bytes_each = int(np.prod(shape)) * self.dtype.itemsize
        self._length = 0
        folder = tempfile.gettempdir()
        free, needed = shutil.disk_usage(folder).free, expected * self.bytes_each
        if needed > free:
            raise OutputError(
                f"{folder}: has room for {free / 1e9:.1f} GB, prepared samples need {needed / 1e9:.1f}; name another"
                " folder in the environment variable TMPDIR"
            )
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - as long as the spool lives

    def __len__(self) -> int:
        return self._length

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows (n, *shape) at the end."""
        content = np.ascontiguousarray(rows, self.dtype).reshape(-1).view(np.uint8).data
        while len(content):
            content = content[self._file.write(content) :]
        self._length += len(rows)

    def extend(self, n: int) -> None:
        """Add n rows of zeros, which take no room."""
        self._length += n
        self._file.truncate(self._length * self.bytes_each)
        self._file.seek(0, os.SEEK_END)

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Rows (len(rows), *shape) in the order asked for."""
        found = np.empty((len(rows), *self.shape), self.dtype)
        into = found.reshape(len(rows), int(np.prod(self.shape))).view(np.uint8)
        for at, row in enumerate(rows.tolist()):
            if os.preadv(self._file.fileno(), [into[at]], row * self.bytes_each) != self.bytes_each:
                raise IndexError(f"row {row} of {self._length}")
        return found
