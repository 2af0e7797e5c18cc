"""One typed, frozen configuration: schema, loading, explanation."""
