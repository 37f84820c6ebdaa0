"""What is planned: cells and their names, costs, and the published sets and weights that they rest on."""
