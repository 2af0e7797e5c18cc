"""What measures the semantic layer's decision; `scripts/eval_semantic` runs it."""
