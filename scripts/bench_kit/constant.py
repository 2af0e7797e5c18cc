"""For mitmproxy: answers every request with one constant reply. The yardstick of hits: no addon can do less."""

from mitmproxy import http

from bench_kit import traffic

_BODY = traffic.reply()
_HEADERS = ((b"content-type", b"application/json"), (b"x-constant", b"1"))


class Constant:
    """Bare mitmproxy."""

    def request(self, flow: http.HTTPFlow) -> None:
        """Answer."""
        flow.response = http.Response.make(200, _BODY, _HEADERS)


addons = [Constant()]
