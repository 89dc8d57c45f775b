"""Engines and harnesses of others: the same puzzles and the same grades in their terms."""
