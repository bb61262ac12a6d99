"""Part V: several attractors in one closed loop."""
