"""Capture, infer, publish."""
