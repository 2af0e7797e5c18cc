"""What makes the embedder that is shipped; `scripts/build_embedder` runs it."""
