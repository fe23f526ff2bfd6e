"""The service under systemd: its unit, its installation, its notifications and its log."""
