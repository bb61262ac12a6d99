"""What pages are made of: claims and records, sweeps, plots, pictures and tables."""
