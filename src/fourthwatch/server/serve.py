"""One process: the corridor, the application and the HTTP server, from start to a clean stop.

SIGTERM and SIGINT stop taking connections, let what is under way finish, commit, write a snapshot and exit with 0.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop

from fourthwatch.api.app import Application
from fourthwatch.api.intake import settle
from fourthwatch.api.protocol import BoundedHttpProtocol
from fourthwatch.clock import SystemClock
from fourthwatch.decision import Policy
from fourthwatch.engine.corridor import Corridor, CorridorSettings
from fourthwatch.engine.definitions import Shelf, stored_features
from fourthwatch.engine.panel import Panel
from fourthwatch.entities.supplied import read_supplied
from fourthwatch.errors import LedgerError, UsageError
from fourthwatch.limits import HEADER_DEADLINE_S, KEEP_ALIVE_IDLE_S
from fourthwatch.logs import log
from fourthwatch.server.assembly import Assembly
from fourthwatch.server.certificate import check_pair, self_signed
from fourthwatch.server.erasing import erase_first
from fourthwatch.server.garbage import tend_garbage
from fourthwatch.server.keeping import ModelKeeper
from fourthwatch.server.sending import Sending
from fourthwatch.server.tending import tended
from fourthwatch.server.watching import ModelWatch
from fourthwatch.settings import Settings
from fourthwatch.store.damage import damage_is_told, refuse_cut
from fourthwatch.store.endpoints import EndpointStore
from fourthwatch.store.file import lock_directory
from fourthwatch.store.models import ModelStore
from fourthwatch.store.retention import days_kept
from fourthwatch.store.users import FIRST_TENANT, UserStore

_BACKLOG = 2_048
_ACCEPTED_AT_ONCE = 8
"""Connections taken between two turns of the loop: libuv takes one of each listening handle, so there are several."""
_DRAIN_S = 10
_LAST_REQUESTS_S = 0.5
_CLOSE = (b"connection", b"close")
_SWITCH_INTERVAL_S = 0.0002
"""The loop and the committer share the interpreter; with the default of 5 ms waiting for it would
be most of a commit's time."""


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen, and with which certificate."""

    host: str
    port: int
    """0 takes any free port."""
    tls_self_signed: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None


def serve(directory: Path, listen: Listen, settings: Settings, announce: Callable[[str], None]) -> int:
    """Serve until told to stop; returns the exit code. `announce` gets the URL once events are taken."""
    if listen.tls_certificate is not None and listen.tls_key is not None:
        check_pair(listen.tls_certificate, listen.tls_key, SystemClock())  # before anything is made or read
    lock = lock_directory(directory)
    try:
        with damage_is_told(directory), asyncio.Runner(loop_factory=BoundedLoop) as runner:
            refuse_cut(directory)
            erase_first(directory, SystemClock())
            return runner.run(_serve(directory, listen, settings, announce))
    finally:
        lock.close()


async def _serve(directory: Path, listen: Listen, settings: Settings, announce: Callable[[str], None]) -> int:
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.disable()  # reading the past makes no cycles
    clock = SystemClock()
    certificate, key = _tls_files(directory, listen, clock)
    sock = _bind(listen)
    loop = asyncio.get_running_loop()
    broken = asyncio.Event()
    endpoints = EndpointStore(directory, clock)
    sending = Sending(directory, endpoints.heard)
    panel = Panel()
    corridor = Corridor(
        CorridorSettings(
            directory=directory,
            panel=panel,
            policy=Policy(red_above=settings.red_above, deadline_ms=settings.deadline_ms),
            disk_reserve_bytes=settings.disk_reserve_bytes,
            snapshot_every_events=settings.snapshot_every_events,
            forget_after_days=days_kept(directory, settings.forget_after_days, clock),
            supplied=read_supplied(settings.ip_file_paths, settings.card_file_path),
            heard=sending.heard,
        ),
        clock,
        os.urandom,
        settle,
        broken.set,
        poster(loop),
        loop.call_later,
    )
    models = ModelStore(directory, clock)
    keeper = ModelKeeper(models, corridor, panel)
    keeper.load_first(Shelf(stored_features(directory, clock)))
    await asyncio.to_thread(corridor.start)
    keeper.hold_first()
    assembly = Assembly(directory, clock, corridor, settings, on_listening=sending.look)
    url = _url(sock, certificate is not None)
    welcome = partial(_welcome, url, assembly.users, announce)
    server = GentleServer(_config(assembly.application, certificate, key), welcome)
    gc.collect()
    gc.freeze()  # what was built up to here stays; the collector need not look at it again
    following = asyncio.create_task(tended("keys", assembly.access.follow))
    indexing = asyncio.create_task(tended("index", assembly.indexing.run))
    collecting = asyncio.create_task(tended("garbage", partial(tend_garbage, partial(_walked, corridor))))
    keeping = (
        asyncio.create_task(tended("models", keeper.follow)),
        asyncio.create_task(tended("drift", ModelWatch(directory, panel, clock).run)),
    )
    watching = asyncio.create_task(_stop_when(broken, server))
    with _signals(loop, server):
        await server.serve(sockets=[sock, *(sock.dup() for _ in range(_ACCEPTED_AT_ONCE - 1))])
    for task in (following, watching, indexing, collecting, *keeping):
        task.cancel()
    await asyncio.gather(indexing, *keeping, return_exceptions=True)
    await asyncio.to_thread(corridor.stop)
    await sending.stop()
    assembly.close()
    endpoints.close()
    models.close()
    log.info("stopped", broken=broken.is_set())
    return 1 if broken.is_set() else 0


def _walked(corridor: Corridor) -> int:
    return corridor.definitions.walk.last_seq  # asked for anew: the walk may begin again


def poster(loop: asyncio.AbstractEventLoop) -> Callable[[Callable[[], None]], object]:
    """Posts to the loop from any thread; on its own, which calls this, nobody has to be woken."""
    owner = threading.get_ident()

    def post(act: Callable[[], None]) -> object:
        return loop.call_soon(act) if threading.get_ident() == owner else loop.call_soon_threadsafe(act)

    return post


def _welcome(url: str, users: UserStore, announce: Callable[[str], None]) -> None:
    """Tell the address; and while nobody can sign in, how to become the first who can."""
    if not users.all():
        try:
            link = f"{url}/console/welcome/{users.link_for(FIRST_TENANT, None)}"
            log.warning("nobody_can_sign_in", become_the_administrator=link, works="once, for a day")
        except LedgerError as failure:  # what can be read is served all the same, and events once there is room
            log.warning("nobody_can_sign_in", reason=str(failure), do="fourthwatch users create-link")
    announce(url)


class BoundedLoop(uvloop.Loop):
    """Gives up on a TLS handshake as soon as on headers, where 60 seconds are usual; uvicorn has no option for it."""

    handshake_deadline_s: float = HEADER_DEADLINE_S

    def create_server(self, *where: Any, **options: Any) -> Coroutine[Any, Any, Any]:
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = self.handshake_deadline_s
        return super().create_server(*where, **options)


class GentleServer(uvicorn.Server):
    """uvicorn's server, with our own signals and our own word when it is ready, and a stop that nobody is cut off by.

    A connection that is idle when the server stops may have a request on its way. So it is not closed at once: for a
    moment each answer, as the last one, says `connection: close`.
    """

    last_requests_s: float = _LAST_REQUESTS_S

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections, answer what comes on those that there are, and close them."""
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        state = self.server_state
        state.default_headers = [*state.default_headers, _CLOSE]
        loop = asyncio.get_running_loop()
        end = loop.time() + self.last_requests_s
        while state.connections and not self.force_exit and loop.time() < end:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `_signals`: uvicorn would raise them again after a clean stop."""
        yield


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, server: uvicorn.Server) -> Iterator[None]:
    def stop() -> None:
        if server.should_exit:
            server.force_exit = True
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _stop_when(broken: asyncio.Event, server: uvicorn.Server) -> None:
    await broken.wait()
    log.error("stopping", reason="the data file could not be written; start again to see what the disk holds")
    server.should_exit = True


def _config(application: Application, certificate: Path | None, key: Path | None) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=int(KEEP_ALIVE_IDLE_S),
        timeout_graceful_shutdown=_DRAIN_S,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def _tls_files(directory: Path, listen: Listen, clock: SystemClock) -> tuple[Path | None, Path | None]:
    if listen.tls_self_signed:
        return self_signed(directory, clock)
    return listen.tls_certificate, listen.tls_key


def _bind(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((listen.host, listen.port))
    except OSError as error:
        sock.close()
        raise UsageError(f"cannot listen on {listen.host} port {listen.port}: {error.strerror}") from error
    sock.setblocking(False)
    return sock


def _url(sock: socket.socket, tls: bool) -> str:
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{port}"
