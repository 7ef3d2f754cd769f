"""Makes `requests` end in time: an adapter whose sockets obey the deadline of their thread."""

import socket
import ssl
from functools import cache
from typing import Any

import certifi
import urllib3
from requests.adapters import HTTPAdapter

from executions.providers.deadline import DeadlineSocket, DeadlineTLSSocket


@cache
def adapter(pid: int) -> HTTPAdapter:
    """One pool of connections per process: a forked child must not share its parent's sockets."""
    return _DeadlineAdapter(pool_connections=4, pool_maxsize=16, max_retries=0)


class _DeadlineAdapter(HTTPAdapter):
    """An adapter of `requests` whose sockets obey the thread's deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        context = tls_context()
        context.sslsocket_class = DeadlineTLSSocket
        super().init_poolmanager(*args, ssl_context=context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}


class _Connection(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return DeadlineSocket(fileno=super()._new_conn().detach())


class _TLSConnection(urllib3.connection.HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return DeadlineSocket(fileno=super()._new_conn().detach())


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


def tls_context() -> ssl.SSLContext:
    """TLS 1.2 and up, names checked; roots of certifi and of the system, for private ones."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context
