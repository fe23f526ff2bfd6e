"""The models that edge-cls knows by name, and backbones of any kind."""
