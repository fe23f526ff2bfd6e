"""Where results go: one file a kind."""
