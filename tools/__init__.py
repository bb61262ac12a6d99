"""The book pipeline: execute every chapter once, check it, collect results, render."""
