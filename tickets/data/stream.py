"""The unpacked bytes of one file as UTF-8, up to where it is damaged. It does not know what a row is (`readers.py`)."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterator
from itertools import chain, islice
from lzma import LZMAError
from typing import Final

from tickets.errors import DamagedFileError, SourceError
from tickets.storage import PACKED, open_export

_CHUNK_BYTES: Final = 1 << 20
DAMAGED: Final = (EOFError, zlib.error, LZMAError, OSError)
"""What unpacking a damaged file raises; an `OSError` may come from the system instead."""
_UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class ByteStream:
    """A file's bytes as lines or text. A damaged compressed file gives what comes before the damage, and says so.

    What is not of the encoding comes out as bytes that are not UTF-8, so that no reader takes it for text.

    Args:
        uri: Path or URI of the file; its ending says how it is packed.
        encoding: How its text is written; a byte order mark of UTF-8 wins over another one.

    Attributes:
        encoding: Its name as people write it.
        damage: What is wrong with the file, once a reader came to it.
        rest: The start of the row that the damage cut off.
        num_bytes: Unpacked bytes that were read so far.
    """

    def __init__(self, uri: str, encoding: str = "utf-8") -> None:
        self.uri = uri
        self._encoding = codecs.lookup(encoding).name
        self.encoding = self._encoding.upper()
        self.damage: str | None = None
        self.rest = b""
        self.num_bytes = 0

    def first_letter(self) -> str:
        """The first character that is no white space; empty where there is none."""
        return next((text[0] for piece, _ in self.pieces() if (text := piece.lstrip())), "")

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """Text in pieces, and whether it is the last one; broken UTF-8 survives as surrogates.

        Raises:
            DamagedFileError: The file begins with the mark of another encoding.
            SourceError: The file is gone or the system cannot read it.
        """
        decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        for chunk in self._chunks():
            yield decode(chunk), False
        yield decode(b"", final=True), True

    def lines(self) -> Iterator[bytes]:
        """Lines with their end, without a byte order mark; a line that damage cuts off goes to `rest`.

        Raises:
            DamagedFileError: The file begins with the mark of another encoding.
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
        """The bytes as UTF-8."""
        chunks, head = self._unpacked(), b""
        for chunk in chunks:
            head += chunk
            if len(head) >= len(codecs.BOM_UTF8):
                break
        encoding = self._encoding_of(head)
        whole = chain([head], chunks) if head else chunks
        return whole if encoding == "utf-8" else self._as_utf8(whole, encoding)

    def _encoding_of(self, head: bytes) -> str:
        """The encoding that the first bytes and the settings agree on."""
        if head.startswith(codecs.BOM_UTF8):
            return "utf-8"
        if not head.startswith(_UTF16_MARKS) or self._encoding.startswith("utf-32"):
            return self._encoding
        if not self._encoding.startswith("utf-16"):
            raise DamagedFileError(
                f"{self.uri}: is UTF-16 by its byte order mark, not {self.encoding}; source.encoding=utf-16 reads it"
            )
        return "utf-16"  # goes by the mark

    def _as_utf8(self, chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
        errors = "surrogatepass" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        decode = codecs.getincrementaldecoder(encoding)(errors).decode
        try:
            for chunk in chunks:
                yield decode(chunk).encode("utf-8", errors)
            if not self.damage:
                yield decode(b"", True).encode("utf-8", errors)
        except UnicodeError as error:
            self.damage = str(error)

    def _unpacked(self) -> Iterator[bytes]:
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
