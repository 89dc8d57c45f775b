"""ZebraLogic (Lin et al. 2025): its pages, its data set, and the grids that answer it."""
