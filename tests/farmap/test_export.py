"""What a run leaves beside its numbers: the graph as networkx reads it, and where the agent was."""

import json

import networkx as nx
import numpy as np

from farmap import task
from farmap.agents.explore import explore
from farmap.agents.export import node_link
from farmap.agents.farmap import FarMap
from farmap.world.environment import FarMapEnv
from farmap.world.maps import draw_world
from gridcell.data.seeds import generator
from gridcell.execute.driver import run_grid
from gridcell.execute.options import RunOptions
from gridcell.suite import load_suite


def test_networkx_reads_the_graph():
    env, agent = FarMapEnv(draw_world("large", 8)), FarMap(generator(0))
    run = explore(env, agent, seed=0, trajectory=True)
    graph = nx.node_link_graph(json.loads(json.dumps(node_link(agent.graph))), edges="edges")
    assert graph.number_of_nodes() == agent.counts()["fragments"] > 2
    assert nx.is_strongly_connected(graph)
    assert set(run.trajectory[:, 3].tolist()) <= set(graph)
    start = run.trajectory[0, :2]
    for one, other, border in graph.edges(data=True):
        assert [border["row"], border["column"]] in border["cells"]
        there = [edge for edge in graph[other][one].values() if edge["cells"] == border["cells"]]
        assert any(edge["outward"] == border["outward"] ^ 1 for edge in there)
        row, column = np.array([border["row"], border["column"]]) + start
        assert env.world.colours[row, column] == 0


def test_what_a_suite_asks_for_is_kept(store):
    overrides = ["maps={small: 1}", "seeds=[0]", "films=[]", "keep=[graph, trajectory]"]
    suite = load_suite(task, "mini", [*overrides, "steps=300"])
    grid = suite.grid().select({"agent": ["farmap", "frontier"], "film": ["none"]})
    run_grid(task, grid, store, RunOptions(executor="inline"))
    for target in grid.targets:
        result = store.results.read(target.cell)
        names = {"trajectory.npy"} | ({"graph.json"} if target.labels["agent"] == "farmap" else set())
        assert set(result.artifacts) == names
