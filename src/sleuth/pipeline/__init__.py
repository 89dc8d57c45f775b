"""Pipelines: several runs that go on from one another, in one recipe and by one command."""
