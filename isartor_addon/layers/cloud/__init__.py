"""L3: what nobody here can answer goes to a provider, and to the next one when that one fails."""
