"""Sleuth: puzzles with one proved answer, and small language models that learn to solve them."""
