"""Heads: from the embeddings of a few examples to classes. A head works on vectors and needs no interpreter."""
