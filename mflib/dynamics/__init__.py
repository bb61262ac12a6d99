"""Part III: flows and maps, their exponents, attractors and basins; no network."""
