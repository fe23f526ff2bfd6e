"""The main job, end to end, on drawn pictures."""
