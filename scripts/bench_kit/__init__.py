"""What `scripts/bench` is made of: the standard library, and `cryptography` for a certificate."""
