"""Families that are declared with the kit, one file each."""
