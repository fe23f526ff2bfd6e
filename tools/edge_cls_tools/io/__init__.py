"""Files and batches of photos."""
