"""One Redis server: how it is reached, and round trips that are retried and fail with a clear error.

It does not know tickets, keys, or what a command is for.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

from redis import Redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

from tickets import logs
from tickets.config import RedisConfig
from tickets.errors import OnlineStoreError

CONNECT_TIMEOUT_S: Final = 5.0
REPLY_TIMEOUT_S: Final = 10.0
NUM_RETRIES: Final = 3
BACKOFF_S: Final = 0.1
"""The pause before the n-th retry is this times 2 to the n, at most `MAX_BACKOFF_S`."""
MAX_BACKOFF_S: Final = 2.0

Command = tuple[Any, ...]
"""A Redis command: its name, then its arguments."""


class Connection:
    """A server that is connected to on first use, and again after a failure.

    Args:
        host: Name or address of the server.
        port: Port of the server.
        options: Further arguments of `redis.Redis`, such as those of `security_options`.
    """

    def __init__(self, host: str, port: int, **options: Any) -> None:
        self.address = f"{host}:{port}"
        # Any, because redis-py types a reply as the union of all protocols and leaves `execute_command` untyped.
        self._client: Any = Redis(
            host=host,
            port=port,
            protocol=2,  # the older one gives the same plain replies on every server and version
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=REPLY_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),  # `run` repeats whole round trips instead, and counts them
            **options,
        )

    def run(self, commands: Sequence[Command], done: dict[str, Any], atomic: bool = False) -> list[Any]:
        """Send commands in one round trip and return their replies.

        The round trip is repeated, with growing pauses, where the server cannot be reached or does not answer in
        time. The commands may then run twice, so they must be ones that do no harm when repeated.

        Args:
            commands: One command or more.
            done: Keys of a log line; `attempt` becomes the highest number of attempts seen so far.
            atomic: Run them as one transaction.

        Raises:
            OnlineStoreError: No attempt succeeded, or the server refused a command.
        """
        attempts = itertools.count(1)

        def attempt() -> list[Any]:
            done["attempt"] = max(done["attempt"], next(attempts))
            return self._execute(commands, atomic)

        retry = Retry(ExponentialBackoff(cap=MAX_BACKOFF_S, base=BACKOFF_S), NUM_RETRIES)
        # Errors are not chained: Redis repeats the arguments of a refused command, which may be anybody's text.
        try:
            replies = retry.call_with_retry(attempt, lambda error: None, is_retryable=_may_pass)
        except RedisError as error:
            raise self._error(commands[0], error) from None
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, Exception):
                raise self._error(command, reply) from None
        return replies

    def close(self) -> None:
        """Close the connection; the server goes on."""
        self._client.close()

    def _execute(self, commands: Sequence[Command], atomic: bool) -> list[Any]:
        pipeline = self._client.pipeline(transaction=atomic)
        for command in commands:
            pipeline.execute_command(*command)
        replies: list[Any] = pipeline.execute(raise_on_error=False)
        return replies

    def _error(self, command: Command, error: Exception) -> OnlineStoreError:
        reason = logs.hide(str(error).split(", with args")[0])
        return OnlineStoreError(
            f"redis at {self.address}: {command[0]} failed: {type(error).__name__}: {reason}; "
            "allowed: a server that answers and knows JSON (Redis 8 or Redis Stack)"
        )


def security_options(config: RedisConfig) -> dict[str, Any]:
    """Return the user, password and TLS arguments of `redis.Redis`; registers the password to be hidden."""
    password = config.password.get_secret_value() if config.password is not None else None
    logs.redact(filter(None, [password]))
    options: dict[str, Any] = {"username": config.username, "password": password, "ssl": config.tls}
    return options | ({"ssl_cert_reqs": "required", "ssl_check_hostname": True} if config.tls else {})


def _may_pass(error: Exception) -> bool:
    """Whether another attempt may succeed; a refused password stays refused."""
    return not isinstance(error, AuthenticationError)
