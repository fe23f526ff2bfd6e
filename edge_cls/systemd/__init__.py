"""What the appliance shares with the system that it runs on: systemd, the journal."""
