"""Controlled comparisons: the same recipe with one thing changed, several seeds an arm."""
