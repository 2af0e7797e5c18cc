"""The vocabulary: frozen values, standard library and orjson only, no I/O, no clock, no randomness."""
