"""The board: pins and temperature."""
