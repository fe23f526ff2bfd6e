"""The version of edge-cls."""

__version__ = "0.1.0"
