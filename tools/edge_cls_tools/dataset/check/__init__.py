"""The dataset doctor: what is the matter with a folder of photos, and how to mend it. It loads no TensorFlow."""
