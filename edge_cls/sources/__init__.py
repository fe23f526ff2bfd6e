"""Sources of frames: one module for each kind."""
