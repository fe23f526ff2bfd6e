"""The board: pins, temperature and supply voltage."""
