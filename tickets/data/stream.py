"""The unpacked bytes of one file, up to where it is damaged. It does not know what a row is (`readers.py`)."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from lzma import LZMAError
from typing import Final

from tickets.errors import SourceError
from tickets.storage import PACKED, open_export

_CHUNK_BYTES: Final = 1 << 20
DAMAGED: Final = (EOFError, zlib.error, LZMAError, OSError)
"""What unpacking a damaged file raises; an `OSError` may come from the system instead."""


class ByteStream:
    """A file's bytes as lines or text. A damaged compressed file gives what comes before the damage, and says so.

    Args:
        uri: Path or URI of the file; its ending says how it is packed.

    Attributes:
        damage: What is wrong with the file, once a reader came to it.
        rest: The start of the row that the damage cut off.
        num_bytes: Unpacked bytes that were read so far.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.damage: str | None = None
        self.rest = b""
        self.num_bytes = 0

    def first_letter(self) -> str:
        """The first character that is no white space; empty where there is none."""
        return next((text[0] for piece, _ in self.pieces() if (text := piece.lstrip())), "")

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """Text in pieces, and whether it is the last one; broken UTF-8 survives as surrogates.

        Raises:
            SourceError: The file is gone or the system cannot read it.
        """
        decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        for chunk in self._chunks():
            yield decode(chunk), False
        yield decode(b"", final=True), True

    def lines(self) -> Iterator[bytes]:
        """Lines with their end, without a byte order mark; a line that damage cuts off goes to `rest`.

        Raises:
            SourceError: The file is gone or the system cannot read it.
        """
        lines = self._lines()
        yield from (line.removeprefix(codecs.BOM_UTF8) for line in islice(lines, 1))
        yield from lines

    def _lines(self) -> Iterator[bytes]:
        parts: list[bytes] = []
        for chunk in self._chunks():
            first, *others = chunk.split(b"\n")
            parts.append(first)
            if others:
                yield b"".join(parts) + b"\n"
                yield from (line + b"\n" for line in others[:-1])
                parts = others[-1:]
        if self.damage:
            self.rest = b"".join(parts)
        elif last := b"".join(parts):
            yield last

    def _chunks(self) -> Iterator[bytes]:
        try:
            with open_export(self.uri) as stream:
                # read1 hands out what is unpacked already, so that nothing before the damage is lost.
                read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
                while chunk := read(_CHUNK_BYTES):
                    self.num_bytes += len(chunk)
                    yield chunk
        except DAMAGED as error:
            if isinstance(error, OSError) and not self._comes_from_unpacking(error):
                raise SourceError(f"{self.uri}: cannot be read ({error.strerror or error})") from None
            self.damage = str(error) or type(error).__name__

    def _comes_from_unpacking(self, error: OSError) -> bool:
        """Whether the content is damaged; else the system or the network failed, and another try may succeed."""
        is_packed = self.uri.lower().endswith(PACKED)
        return is_packed and error.errno is None and not isinstance(error, TimeoutError | ConnectionError)
