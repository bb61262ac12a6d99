"""Part IV: from a step to a dynamical system: closed loops, exponents, training."""
