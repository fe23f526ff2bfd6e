"""The dataset check: problems of a folder of photos, with hints to fix them. It loads no TensorFlow."""
