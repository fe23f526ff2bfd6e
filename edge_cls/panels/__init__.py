"""Where people teach: one file a kind."""
