"""How fast the appliance is, and how much of the machine it takes."""
