"""EfficientNet-Lite0: an int8 backbone that is built from the published weights on the machine that runs it."""
