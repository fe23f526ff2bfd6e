"""Backends: the libraries and devices that run a network."""
