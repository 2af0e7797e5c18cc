"""Several processes as one proxy. Nothing here imports mitmproxy: the supervisor is small and stays."""
