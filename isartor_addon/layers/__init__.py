"""One folder a layer; each may answer an exchange, or let it go on."""
