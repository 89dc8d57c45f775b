"""The benchmark: frozen suites, what models make of them, and figures that can be compared."""
