"""From a folder of photos to a classifier: the frozen head, and fine-tuning that has to earn its place."""
