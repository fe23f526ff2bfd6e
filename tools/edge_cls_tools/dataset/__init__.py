"""Folders of photos: loading, splitting, checking and importing."""
