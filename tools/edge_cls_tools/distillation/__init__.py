"""Distillation: a small backbone is trained, from random weights, to reproduce the embeddings of a large one."""
