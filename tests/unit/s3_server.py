"""An S3 server over HTTP on loopback, with conditional writes, and a way to make it answer badly."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

Fault = Callable[[WSGIEnvironment], str | None]
"""A request → the status to answer instead, such as `500 Internal Error`; None lets it through."""


class S3Server:
    """A running server.

    Attributes:
        url: Its address.
        faults: What is asked, in order, before a request is answered.
        requests: Method and path of every request so far.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.requests.append((str(environ["REQUEST_METHOD"]), str(environ["PATH_INFO"])))
        for fault in self.faults:
            if (status := fault(environ)) is not None:
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                start_response(status, [("Content-Type", "application/xml")])
                return [b"<Error><Code>InternalError</Code><Message>planted</Message></Error>"]
        answer: Any = self._app(environ, start_response)
        return list(answer)

    @contextmanager
    def running(self) -> Iterator[S3Server]:
        """Serve in a thread until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
