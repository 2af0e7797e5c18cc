"""What people can see of what happened: the journal and the log, neither with a prompt or a credential in it."""
