"""The workstation side of edge-cls: dataset, training, quantisation, evaluation. TensorFlow lives here alone."""
