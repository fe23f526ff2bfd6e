"""Data sets, which are folders of photos: loading, splitting, checking and importing."""
