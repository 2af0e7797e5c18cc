"""The edge to mitmproxy: the only folder that imports it. It holds no decision that a layer could make."""
