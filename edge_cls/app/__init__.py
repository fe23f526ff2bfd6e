"""The application: everything put together from the configuration."""
