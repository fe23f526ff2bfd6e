"""How good a model is, measured on the bytes that ship."""
