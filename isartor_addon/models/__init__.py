"""Inference: texts to vectors, by a model that is shipped or by a server."""
