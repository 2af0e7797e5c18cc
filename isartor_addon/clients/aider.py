"""aider. It speaks through litellm and the OpenAI SDK, and on the wire it is that; its runs are identical bytes."""

from __future__ import annotations

from isartor_addon.clients.generic import GENERAL, RUN_IDS, WRAPPING
from isartor_addon.core.client import Client

CLIENT = Client(
    name="aider",
    agents=("aider/",),
    volatile=GENERAL,
    wrapping=WRAPPING,
    run_ids=RUN_IDS,
    note="Model calls trust only SSL_CERT_FILE, its price list only REQUESTS_CA_BUNDLE: both must be exported.",
)
