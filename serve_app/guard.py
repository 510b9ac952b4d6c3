"""Who may ask, and how much: peers, keys, host names, sizes, and the id of every request; ASGI, outside the routes.

Without keys only loopback is answered, and only under a loopback name, so that no page in a browser can reach the
service through a name that it controls. It does not know what is asked.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
import secrets
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from serve_app.errors import TooLargeError, describe, respond
from tickets.config import ServeConfig
from tickets.errors import ConfigError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN: Final = ("/healthz", "/readyz", "/docs", "/openapi.json", "/static-offline-docs/")
"""Paths that need no key: what a load balancer asks, and the documentation with its files."""
_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_REQUEST_ID: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)


class Guard:
    """ASGI middleware.

    Args:
        app: What is guarded.
        key_digests: SHA-256 of each key; none: only loopback is answered.
        max_bytes: Size of a body from which on it is refused.
        limits: Path → another such size.
    """

    def __init__(self, app: App, key_digests: Iterable[bytes], max_bytes: int, limits: Mapping[str, int]) -> None:
        self._app = app
        self._key_digests = tuple(key_digests)
        self._max_bytes = max_bytes
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked = headers.get("x-request-id", "")
        scope["request_id"] = request_id = asked if _REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                kept = [header for header in message.get("headers", []) if header[0].lower() != b"x-request-id"]
                message["headers"] = [*kept, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            self._check_caller(scope, headers)
            _check_form(scope, headers)
            body = await _read(headers, receive, self._limits.get(scope["path"], self._max_bytes))
        except (HTTPException, TooLargeError) as error:
            await respond(describe(error, request_id))(scope, receive, send_with_id)
            return
        await self._app(scope, _replay(body, receive), send_with_id)

    def _check_caller(self, scope: Scope, headers: Headers) -> None:
        if self._key_digests:
            is_open = scope["path"].startswith(OPEN[-1]) or scope["path"] in OPEN
            if not is_open and not self._has_key(headers):
                raise HTTPException(
                    HTTPStatus.UNAUTHORIZED, "no valid key; send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
                )
        elif not _is_loopback(scope.get("client")):
            raise HTTPException(HTTPStatus.FORBIDDEN, "without keys only loopback is answered; set serve.keys_file")
        elif _host(headers) not in _LOOPBACK_NAMES:
            raise HTTPException(HTTPStatus.FORBIDDEN, f"without keys only {', '.join(_LOOPBACK_NAMES)} are answered")

    def _has_key(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        digest = hashlib.sha256(given.strip().encode()).digest()
        return any([hmac.compare_digest(digest, known) for known in self._key_digests])  # noqa: C419 - all of them


def refuse_open_door(config: ServeConfig) -> None:
    """Refuse to listen beyond loopback without keys.

    Raises:
        ConfigError: HAProxy, which listens on every interface, or another host than loopback, and no keys.
    """
    is_open = os.environ.get("RAY_SERVE_ENABLE_HA_PROXY") == "1" or config.throughput
    if config.keys_file is None and (is_open or config.host not in ("127.0.0.1", "localhost")):
        where = "HAProxy listens on every interface" if is_open else f"serve.host={config.host} is not loopback"
        raise ConfigError(f"{where} and serve.keys_file is not set; allowed: keys, or loopback without HAProxy")


def read_keys(path: Path, make: bool = False) -> list[bytes]:
    """SHA-256 of each key in a file with one key per line.

    Args:
        path: The file.
        make: Write one with a random key where there is none.

    Raises:
        ConfigError: There is no file or no key in it, or others than its owner may read it.
    """
    if make and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"{secrets.token_urlsafe(32)}\n")
    if not path.exists():
        raise ConfigError(f"serve.keys_file={path}: no such file; allowed: a file with one key per line")
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"serve.keys_file={path}: others may read it; allowed: mode 600")
    keys = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    if not keys:
        raise ConfigError(f"serve.keys_file={path}: no key in it; allowed: one per line")
    return [hashlib.sha256(key.encode()).digest() for key in keys]


def _check_form(scope: Scope, headers: Headers) -> None:
    """Refuse a body that is not plain JSON before anybody tries to read it.

    Raises:
        HTTPException: It is of another type, or packed.
    """
    if scope["method"] != "POST":
        return
    kind = headers.get("content-type", "none").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"content type {kind[:80]!r}; allowed: application/json")
    if (packed := headers.get("content-encoding", "identity")) != "identity":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"content encoding {packed[:80]!r}; allowed: none")


async def _read(headers: Headers, receive: Receive, max_bytes: int) -> bytes:
    """The whole body.

    Raises:
        TooLargeError: It reaches the limit; what comes after it is not read.
    """
    length = headers.get("content-length", "0")
    chunks, size = [], int(length) if length.isdecimal() else 0
    if size < max_bytes:
        size, more = 0, True
        while more and size < max_bytes:
            message = await receive()
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            more = message.get("more_body", False)
    if size >= max_bytes:
        raise TooLargeError(f"a body of {size} bytes or more; allowed: less than {max_bytes}")
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand a body that was read on; what comes after it, such as a disconnect, comes from the client."""
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> MutableMapping[str, Any]:
        return pending.pop() if pending else await receive()

    return replayed


def _is_loopback(client: Any) -> bool:
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except (TypeError, ValueError, IndexError):
        return False


def _host(headers: Headers) -> str:
    """The name that the client used, without its port."""
    return re.sub(r":\d+$", "", headers.get("host", "")).lower()
