"""The online store: the latest tickets of each bucket as JSON documents behind the Redis protocol.

`cache.py` fills it from the online snapshot; `store.py` reads and writes them through `connection.py`; `embedded.py`
runs the server that stands in where no Redis is configured.
"""

from tickets.online.cache import fill, latest
from tickets.online.store import OnlineStore, connect

__all__ = ["OnlineStore", "connect", "fill", "latest"]
