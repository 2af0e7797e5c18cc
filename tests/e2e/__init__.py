"""The whole proxy, over real sockets and TLS, before a fake provider."""
