"""Measures the speed of the application on this device, and its memory."""
