"""A float network to an int8 one that is as good: ranges, remedies, the loss of each layer, and the gate."""
