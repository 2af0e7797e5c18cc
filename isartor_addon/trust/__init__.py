"""The certificate authority of our own, and how this machine comes to trust it, and stops."""
