"""Part II: networks, what one step computes, and how they are exchanged."""
