r"""The bytes of csv and tsv files: records, the cells in them as they are written, and what each of them says.

A quote opens a cell only at its start and is doubled within; what follows the closing one belongs to the cell too.
Lines end in \n, \r\n or \r, and an empty one is no record: as ``tables`` reads them.
"""

import re
from collections.abc import Iterator
from io import BufferedIOBase

BYTES_AT_ONCE = 1 << 20
MARK = b"\xef\xbb\xbf"
"""What may stand before UTF-8 text."""

_QUOTED = re.compile(rb'"((?:[^"]++|"")*+)(?:"|\Z)')
_END_OF_QUOTED = re.compile(rb'(?:[^"]++|"")*+"')


def records(file: BufferedIOBase, delimiter: bytes) -> Iterator[bytes]:
    r"""Cut a file behind its byte order mark into records, each with its line end; joined they are the file again.

    An empty line is given too.

    >>> import io
    >>> list(records(io.BytesIO(b'a,"1\n2"\r\n\nb,3'), b","))
    [b'a,"1\n2"\r\n', b'\n', b'b,3']
    """
    lines: list[bytes] = []
    quoted = False
    for line in _lines(file):
        lines.append(line)
        quoted = _ends_quoted(line, quoted, delimiter)
        if not quoted:
            yield b"".join(lines)
            lines = []
    if lines:
        yield b"".join(lines)


def is_empty(record: bytes) -> bool:
    """Tell whether a record is nothing but a line end."""
    return not record.strip(b"\r\n")


def cells(record: bytes, delimiter: bytes) -> tuple[list[bytes], bytes]:
    r"""Cut a record into its cells as they are written, and its line end.

    >>> cells(b'a,"b,""c"" d"\r\n', b",")
    ([b'a', b'"b,""c"" d"'], b'\r\n')
    """
    unquoted = re.compile(rb"[^\r\n" + re.escape(delimiter) + rb"]*+")
    found: list[bytes] = []
    start = end = 0
    while True:
        opened = _QUOTED.match(record, start)
        end = unquoted.match(record, opened.end() if opened else start).end()  # type: ignore[union-attr]
        found.append(record[start:end])
        if record[end : end + 1] != delimiter:
            return found, record[end:]
        start = end + 1


def said(cell: bytes) -> str | None:
    """Return what a cell says, None when that is nothing; UnicodeDecodeError where it is not UTF-8.

    >>> said(b'"a ""b"" c"'), said(b'""')
    ('a "b" c', None)
    """
    opened = _QUOTED.match(cell)
    content = opened[1].replace(b'""', b'"') + cell[opened.end() :] if opened else cell
    return content.decode() or None


def written(text: str | None, delimiter: bytes, alone: bool = False) -> bytes:
    """Write a cell, in quotes only where it needs them.

    alone : the record has no other cell, so that an empty one would be an empty line

    >>> written("a,b", b","), written("a,b", b";"), written(None, b","), written(None, b",", alone=True)
    (b'"a,b"', b'a,b', b'', b'""')
    """
    if not text:
        return b'""' if alone else b""
    content = text.encode()
    if any(sign in content for sign in (delimiter, b'"', b"\r", b"\n")):
        return b'"' + content.replace(b'"', b'""') + b'"'
    return content


def _lines(file: BufferedIOBase) -> Iterator[bytes]:
    rest = b""
    while block := file.read(BYTES_AT_ONCE):
        *lines, rest = (rest + block).splitlines(keepends=True)
        yield from lines
    yield from rest.splitlines(keepends=True)


def _ends_quoted(line: bytes, quoted: bool, delimiter: bytes) -> bool:
    if b'"' not in line:
        return quoted
    start = 0
    if not quoted:
        start = _after_opening(line, 0 if line.startswith(b'"') else line.find(delimiter + b'"'))
    while start >= 0:
        closed = _END_OF_QUOTED.match(line, start)
        if closed is None:
            return True
        start = _after_opening(line, line.find(delimiter + b'"', closed.end()))
    return False


def _after_opening(line: bytes, opening: int) -> int:
    """Position behind the quote that opens a cell at or behind a delimiter, -1 where none does."""
    return opening if opening < 0 else line.index(b'"', opening) + 1
