"""A non-blocking TCP or TLS stream that reads in large pieces and joins writes.

Owns: opening the connection, the read buffer, the write buffer and their bounds, one syscall per loop iteration and direction.
Must not know: MQTT.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

from edgegw.errors import LinkError

READ_BYTES = 65536
"""One recv: some hundred messages; more would hold the loop longer without saving calls."""

MAX_PENDING_BYTES = 16 * 1024 * 1024
"""Unsent bytes after which the peer counts as stalled: far more than any window should hold."""

QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Linux. A broker without TCP_NODELAY (mosquitto as shipped) holds its second PUBACK back until we acknowledge the first; with
delayed acknowledgements that is 40 ms for every batch that waits for all its PUBACKs."""

TLS_RETRY_S = 0.01
"""A TLS write that wants to read first is tried again on the next read, or after this."""


async def open_socket(host: str, port: int, context: ssl.SSLContext | None) -> socket.socket:
    """A connected non-blocking socket, TLS handshake done. Cancel (`asyncio.timeout`) to give up.

    Raises:
        LinkError: ``unreachable`` (no name, no route, refused) or ``tls`` (handshake or verification failed).
    """
    loop = asyncio.get_running_loop()
    try:
        infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as err:
        raise LinkError("unreachable", f"{host}:{port}: {err}") from err
    last: OSError | None = None
    for family, kind, proto, _, address in infos:
        sock = socket.socket(family, kind, proto)
        try:
            sock.setblocking(False)  # noqa: FBT003 - positional-only in the library
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
            return sock if context is None else await _handshake(sock, context, host)
        except ssl.SSLError as err:
            sock.close()
            raise LinkError("tls", f"{host}:{port}: {err}") from err
        except OSError as err:
            sock.close()
            last = err
        except asyncio.CancelledError:
            sock.close()
            raise
    raise LinkError("unreachable", f"{host}:{port}: {last}")


async def _handshake(sock: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    loop = asyncio.get_running_loop()
    tls = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            ready = loop.create_future()
            try:
                tls.do_handshake()
                return tls
            except ssl.SSLWantReadError:
                loop.add_reader(tls, _wake, ready)
            except ssl.SSLWantWriteError:
                loop.add_writer(tls, _wake, ready)
            try:
                await ready
            finally:
                loop.remove_reader(tls)
                loop.remove_writer(tls)
    except (OSError, asyncio.CancelledError):
        tls.close()
        raise


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class Transport:
    """The stream. All calls on the event loop.

    Args:
        sock: connected, non-blocking.
        on_readable: called when there are bytes to `read`.
        on_lost: called once with a reason slug when the peer is gone or stalled; not after `close`.
    """

    def __init__(self, sock: socket.socket, on_readable: Callable[[], None], on_lost: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._tls = isinstance(sock, ssl.SSLSocket)
        self._on_readable = on_readable
        self._on_lost = on_lost
        self._out: list[bytes] = []
        self.pending = 0
        self._scheduled = False
        self._writing = False
        self._reading = True
        self.closed = False
        self._drained: asyncio.Event = asyncio.Event()
        self._drained.set()
        self._loop.add_reader(sock, on_readable)

    # --- reading

    def read(self) -> bytes:
        """What has arrived, at most 64 KiB; b"" if nothing or if the stream ended (then `on_lost` was called)."""
        try:
            data = self._sock.recv(READ_BYTES)
            if self._tls and data:
                while isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() and len(data) < READ_BYTES:
                    data += self._sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except OSError as err:
            self._lose("reset" if isinstance(err, ConnectionError) else "io")
            return b""
        if not data:
            self._lose("closed-by-peer")
        elif QUICKACK is not None:
            self._sock.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)  # the kernel forgets it; asked for after every read
        return data

    def has_hidden(self) -> bool:
        """Whether TLS holds decrypted bytes that no selector would tell of."""
        return not self.closed and isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def pause(self) -> None:
        """Stop reading: the peer is slowed by TCP; nothing is dropped."""
        if self._reading and not self.closed:
            self._reading = False
            self._loop.remove_reader(self._sock)

    def resume(self) -> None:
        """Read on after `pause`."""
        if not self._reading and not self.closed:
            self._reading = True
            self._loop.add_reader(self._sock, self._on_readable)

    # --- writing

    def write(self, data: bytes) -> None:
        """Queue bytes; all that is queued in one loop iteration leaves in one send. Ignored once closed."""
        if self.closed:
            return
        self._out.append(data)
        self.pending += len(data)
        if self.pending > MAX_PENDING_BYTES:
            self._loop.call_soon(self._lose, "stalled")  # not from within the caller's write
        elif not self._scheduled and not self._writing:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    async def drained(self) -> None:
        """Wait until everything queued was handed to the kernel, or the stream is closed."""
        if self.pending and not self.closed:
            self._drained.clear()
            await self._drained.wait()

    def _flush(self) -> None:
        self._scheduled = False
        if self.closed or not self._out:
            return
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        retry_soon = False
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError):
            sent = 0
        except ssl.SSLWantReadError:
            sent, retry_soon = 0, True
        except OSError as err:
            self._lose("reset" if isinstance(err, ConnectionError) else "io")
            return
        self.pending -= sent
        if sent == len(data):
            self._out.clear()
            self._want_write(on=False)
            self._drained.set()
            return
        self._out = [data[sent:] if sent else data]
        if retry_soon:
            self._scheduled = True
            self._loop.call_later(TLS_RETRY_S, self._flush)
        else:
            self._want_write(on=True)

    def _want_write(self, *, on: bool) -> None:
        if on and not self._writing:
            self._writing = True
            self._loop.add_writer(self._sock, self._flush)
        elif not on and self._writing:
            self._writing = False
            self._loop.remove_writer(self._sock)

    # --- ending

    def _lose(self, reason: str) -> None:
        if not self.closed:
            self.close()
            self._on_lost(reason)

    def close(self) -> None:
        """Try once to send what is queued, then close. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        if self._out:
            with contextlib.suppress(OSError):  # best effort: whoever needs certainty awaited `drained`
                self._sock.send(b"".join(self._out))
            self._out.clear()
        self.pending = 0
        self._drained.set()
        self._sock.close()
