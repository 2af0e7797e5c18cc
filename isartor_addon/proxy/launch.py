"""`isartor up`: mitmproxy in this process, with our addon, our own CA, and loopback only unless there is a token."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mitmproxy import exceptions
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy import mode_specs
from mitmproxy.tools.dump import DumpMaster
from mitmproxy.tools.web.master import WebMaster

from isartor_addon import __version__
from isartor_addon.config.places import Places, places
from isartor_addon.config.private import make_directory
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import ConfigError
from isartor_addon.core.reach import is_loopback
from isartor_addon.proxy.drain import Drain
from isartor_addon.proxy.hooks import Isartor
from isartor_addon.proxy.seat import Seat
from isartor_addon.store.running import USER, Listener, Running, claim
from isartor_addon.trust.authority import covers, ensure_authority
from isartor_addon.trust.bundle import combined_bundle
from isartor_addon.wire.hosts import domains

logger = logging.getLogger(__name__)

DEFAULT_HOST = "127.0.0.1"
_LEVELS = {"debug": "debug", "info": "info", "warning": "warn", "error": "error"}
_QUIET = ("tornado", "quic", "mitmproxy.proxy.server")
"""Loggers that say too much at their own level, besides those of `observe/log.py`. The last one names every host, also
those that are none of ours.
"""
_PROXIES = (mode_specs.RegularMode, mode_specs.UpstreamMode)
_WITHOUT_LISTENER = ("local", "tun", "osproxy")
_GUARDED = (*_WITHOUT_LISTENER, "wireguard")
"""Modes that let nobody in, or only who has a key."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How mitmproxy is to run."""

    host: str = DEFAULT_HOST
    port: int | None = None
    """Of the first mode that names none; None: mitmproxy's default for the mode (8080 for `regular`)."""
    modes: tuple[str, ...] = ("regular",)
    settings: tuple[str, ...] = ()
    """mitmproxy options as for its `--set`."""
    scripts: tuple[str, ...] = ()
    """Files of other addons."""
    web: bool = False
    """With mitmweb."""


def serve(config: Config, launch: Launch, *, ready: Callable[[Running], None]) -> None:
    """
    Run alone until a signal says stop.

    Args:
        config: the settings.
        launch: how mitmproxy is to run.
        ready: called once when all listeners are up.

    Raises:
        ConfigError: mitmproxy does not take the options, or it would listen for others without a token.
        AlreadyRunning: another proxy has the same home directory.
        TrustError: the CA cannot be made.
        SystemExit: mitmproxy could not start; it has logged why.
    """
    at = places(config)
    options = _options(config, launch, at)
    make_directory(at.home)
    with claim(at.state) as claimed:

        def tell(running: Running) -> None:
            claimed.tell(running)
            with contextlib.suppress(OSError):  # nobody reads what is printed
                ready(running)

        _make_authority(config, at)
        asyncio.run(_run(config, launch, options=options, tell=tell, seat=None))


def work(config: Config, launch: Launch, *, seat: Seat) -> None:
    """
    Run as one of several workers, until a signal says stop or the supervisor is gone.

    Raises:
        ConfigError, TrustError, SystemExit: as `serve` does, in the first worker.
    """
    at = places(config)
    seat.wait()
    options = _options(config, launch, at)
    if seat.opens:
        _make_authority(config, at)
    asyncio.run(_run(config, launch, options=options, tell=seat.tell, seat=seat))


def _make_authority(config: Config, at: Places) -> None:
    authority = ensure_authority(at.ca, domains(config.hosts))
    combined_bundle(at.ca)
    if missing := covers(authority, domains(config.hosts)):
        logger.warning(
            "the CA was made before these hosts were added and cannot sign for them: %s; `isartor trust --renew`",
            ", ".join(missing),
        )


def _options(config: Config, launch: Launch, at: Places) -> Options:
    if "*" in config.hosts:
        raise ConfigError("hosts = *: Isartor's own CA may sign for named hosts only; use `mitmdump -s isartor_addon`.")
    options = Options(
        confdir=str(at.ca),
        listen_host=launch.host,
        mode=_with_port(launch.modes, launch.port),
        # The leaf is made from the name that was asked for: the provider's own certificate lists names for which our
        # CA may not sign, and fetching it would call the provider.
        upstream_cert=False,
    )
    if _named(launch.settings, "confdir"):
        raise ConfigError(
            f"confdir is {at.ca}, where Isartor's own CA is; for another one use `mitmdump -s isartor_addon`."
        )
    return options


def _named(settings: Sequence[str], name: str) -> bool:
    return any(spec.partition("=")[0] == name for spec in settings)


def _with_port(modes: Sequence[str], port: int | None) -> list[str]:
    """Put the port to the first mode that names none."""
    done = port is None
    result = []
    for spec in modes:
        try:
            mode = mode_specs.ProxyMode.parse(spec)
        except ValueError as error:
            raise ConfigError(f"--mode {spec}: {error}.") from None
        if not done and mode.custom_listen_port is None and mode.type_name not in _WITHOUT_LISTENER:
            spec, done = f"{spec}@{port}", True
        result.append(spec)
    return result


def _guard(options: Options, token: str) -> str:
    """
    Let other machines in only with a token.

    Returns:
        What clients must show; empty: nothing, as only this machine reaches the proxy.

    Raises:
        ConfigError: other machines would reach it, and there is no token.
    """
    exposed = _exposed(options)
    if not exposed or options.proxyauth:
        return ""
    if not token:
        raise ConfigError(f"{exposed}, which other machines reach: that needs a token (--token or ISARTOR_TOKEN).")
    options.update(proxyauth=f"{USER}:{token}")
    return token


def _exposed(options: Options) -> str:
    """Which mode would listen for other machines, in words; empty if none."""
    for spec in options.mode:
        mode = mode_specs.ProxyMode.parse(spec)
        host = mode.listen_host(options.listen_host)
        if mode.type_name not in _GUARDED and not is_loopback(host.strip("[]")):
            return f"{mode.type_name} would listen on {host or 'every address'}"
    return ""


async def _run(
    config: Config, launch: Launch, *, options: Options, tell: Callable[[Running], None], seat: Seat | None
) -> None:
    _turn_down_logging(config.log_level)
    master: Master = WebMaster(options) if launch.web else DumpMaster(options)
    # Options of mitmproxy's own addons exist from here on; set earlier, the addons would not hear of them.
    # Requests are not printed: their URLs may carry keys.
    options.update(connection_strategy="lazy", termlog_verbosity=_LEVELS[config.log_level])
    options.update_known(flow_detail=0, web_open_browser=False)
    try:
        options.set(*launch.settings, defer=True)
        token = _guard(options, config.token)
        isartor = Isartor(config, ends=None if seat is None else seat.ends)
        _add_first(master, isartor)
        options.update(scripts=[*options.scripts, *launch.scripts])
    except exceptions.OptionsError as error:
        raise ConfigError(f"{str(error).removesuffix('.')}.") from None
    closing = seat.leave if seat is not None else _nothing
    drain = Drain(master, isartor, limit_s=config.drain_s, closing=closing)
    master.addons.add(drain, _Announcer(master, tell, config=config, token=token))
    _stop_on_signals(drain.stop)
    if seat is not None:
        seat.on_orphaned(drain.stop)
    await master.run()


def _nothing() -> None:
    """Nobody else needs to know."""


def _turn_down_logging(level: str) -> None:
    logging.getLogger().setLevel(logging.DEBUG)  # mitmproxy's own handlers choose what is shown
    if level != "debug":
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)


def _add_first(master: Master, addon: Isartor) -> None:
    """Add our addon where `-s` would put it, so that both ways of starting give the same order of addons."""
    master.addons.add(addon)
    chain = master.addons.chain
    chain.remove(addon)
    chain.insert(chain.index(master.addons.get("scriptloader")), addon)


def _stop_on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) is None:
            continue
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)


class _Announcer:
    """Says that the proxy is up, once it is."""

    def __init__(self, master: Master, tell: Callable[[Running], None], *, config: Config, token: str) -> None:
        self._master = master
        self._tell = tell
        self._config = config
        self._token = token

    def running(self) -> None:
        """All listeners are open."""
        if unknown := sorted(self._master.options.deferred):
            logger.warning("mitmproxy knows no option %s", ", ".join(unknown))
        self._tell(self._describe())

    def _describe(self) -> Running:
        server = self._master.addons.get("proxyserver")
        assert isinstance(server, Proxyserver)
        listeners: list[Listener] = []
        proxy = ""
        for instance in server.servers:
            for host, port, *_ in instance.listen_addrs:
                listener = Listener(_name(instance.mode), host, port)
                if listener not in listeners:  # a reverse proxy for HTTPS listens on TCP and on UDP
                    listeners.append(listener)
                if not proxy and isinstance(instance.mode, _PROXIES):
                    proxy = address(_reachable(host), port)
        return Running(
            pid=os.getpid(),
            started=time.time(),
            version=__version__,
            listeners=tuple(listeners),
            proxy=proxy,
            cassette=self._config.cassette,
            token=self._token,
            web=self._master.web_url if isinstance(self._master, WebMaster) else "",
            workers=(os.getpid(),),
            drain_s=self._config.drain_s,
        )


def _name(mode: mode_specs.ProxyMode) -> str:
    """The mode as it was asked for, without its address."""
    spec = mode.full_spec
    return spec if mode.custom_listen_port is None else spec.rpartition("@")[0]


def _reachable(host: str) -> str:
    """The address by which this machine reaches a listener on `host`."""
    return {"0.0.0.0": DEFAULT_HOST, "::": "::1", "": DEFAULT_HOST}.get(host, host)  # noqa: S104 - nothing is bound here


def address(host: str, port: int) -> str:
    """`host:port` as URLs write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
