"""Which embedder the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from isartor_addon.config.places import absolute
from isartor_addon.config.schema import Config
from isartor_addon.core.errors import ConfigError
from isartor_addon.core.reach import Reach, is_loopback
from isartor_addon.layers.ports import Clock, Embedder
from isartor_addon.models.onnx_embedder import OnnxEmbedder

if TYPE_CHECKING:
    from typing import Literal


def open_embedder(config: Config, clock: Clock, *, key: str = "") -> Embedder:
    """
    The embedder that `config` names; nothing is loaded or connected to yet.

    Args:
        config: the settings.
        clock: time.
        key: what to show the server; it is where `embedder.key` says.

    Raises:
        ConfigError: a server is meant and its address or model is missing, or it may not be reached.
    """
    wanted = config.embedder
    if wanted.backend == "onnx":
        return OnnxEmbedder()
    if not wanted.url:
        raise ConfigError(f"`embedder.url` is missing: the backend `{wanted.backend}` needs the server's address.")
    if wanted.backend == "openai" and not wanted.model:
        raise ConfigError("`embedder.model` is missing: the backend `openai` needs the model's name.")
    parts = urlsplit(wanted.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if not Reach(offline=config.offline, hosts=config.offline_hosts).allows(host, port):
        raise ConfigError(f"`embedder.url` is `{wanted.url}`, but `offline` is set and it is not in `offline_hosts`.")

    from isartor_addon.models.remote_embedder import RemoteEmbedder, Server

    straight = is_loopback(host)
    server = Server(
        backend=cast("Literal['tei', 'openai']", wanted.backend),
        url=wanted.url,
        model=wanted.model,
        key=key,
        timeout_s=wanted.timeout_s,
        proxy="" if straight else config.egress.proxy,
        proxy_login="" if straight else config.egress.proxy_login,
        ca_file=str(absolute(config.egress.ca_file)) if config.egress.ca_file else "",
    )
    return RemoteEmbedder(server, clock)
