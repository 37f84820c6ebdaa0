"""The graph of fragments in networkx's node-link form."""

from typing import Any

import numpy as np

from farmap.agents.fragments import FragmentGraph


def node_link(graph: FragmentGraph) -> dict[str, Any]:
    """Return the fragments and their borders, ready for JSON.

    All places are rows and columns in the frame of the first fragment, by the agent's odometry. A node has
    ``id`` (the fragment's number), ``row`` and ``column`` (mean of its known cells), ``known`` (cells),
    ``bounds`` (first and last rows and columns). An edge is one side of a border: ``source``, ``target``,
    ``row`` and ``column`` of the fracture point, ``cells`` (of the border), ``outward`` (0 up, 1 down, 2
    left, 3 right: heading of the step that crosses it).

    >>> import networkx
    >>> networkx.node_link_graph(node_link(FragmentGraph()), edges="edges").number_of_nodes()
    0
    """
    nodes, edges = [], []
    for number in graph:
        fragment = graph[number]
        row, column = fragment.place
        cells = fragment.chart.known_cells()
        middle = (cells.mean(axis=0) if len(cells) else np.zeros(2)) + fragment.place
        nodes.append(
            {
                "id": number,
                "row": float(middle[0]),
                "column": float(middle[1]),
                "known": fragment.chart.known,
                "bounds": list(fragment.bounds) if len(cells) else None,
            }
        )
        edges += [
            {
                "source": number,
                "target": border.to,
                "key": key,
                "row": border.anchor[0] + row,
                "column": border.anchor[1] + column,
                "cells": [[r + row, c + column] for r, c in border.cells],
                "outward": border.outward,
            }
            for key, border in enumerate(fragment.borders)
        ]
    return {"directed": True, "multigraph": True, "graph": {}, "nodes": nodes, "edges": edges}
