"""Sources of commands, and the feedback light: one module for each kind."""
