"""The demonstration: the whole workflow, offline, on images that ship with libraries."""
