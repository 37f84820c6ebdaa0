"""Running grids: one cell's work, the order of cells, and the executors that share both."""
