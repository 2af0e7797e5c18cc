"""Your own addon beside Isartor: it counts who answered, from what Isartor leaves on each flow.

mitmdump -s isartor_addon -s examples/beside_another_addon.py
"""

import logging
from collections import Counter

from mitmproxy import http


class WhoAnswered:
    """Counts answers by layer: `l1a` is the exact cache, `l3` the provider."""

    def __init__(self) -> None:
        self.layers: Counter[str] = Counter()

    def response(self, flow: http.HTTPFlow) -> None:
        """A response is on its way to the client."""
        layer = flow.response.headers.get("x-isartor-layer") if flow.response else None
        if layer:
            self.layers[layer] += 1
            logging.info("answers so far: %s", dict(self.layers))


addons = [WhoAnswered()]
