"""For mitmproxy: lets every request pass, and streams what the provider streams. The yardstick of misses."""

from mitmproxy import http


class Passing:
    """Bare mitmproxy, streaming."""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Let streams stream; other replies are buffered, as mitmproxy does by itself."""
        if flow.response is not None and flow.response.headers.get("content-type", "").startswith("text/event-stream"):
            flow.response.stream = True


addons = [Passing()]
