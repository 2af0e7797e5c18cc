"""What is kept on this machine: recorded answers, cassettes, the secret that callers are hashed with."""
