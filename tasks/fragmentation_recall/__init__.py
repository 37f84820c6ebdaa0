"""Fragmentation and recall: what agents share that cut their world into local models and take them up again.

An agent holds one local model (a *fragment*) at a time. While it works, the fragment's surprisal has running
statistics (:mod:`~fragmentation_recall.surprisal`); where a new surprisal stands out from them, the fragment
is stored and a new one begins. Stored fragments live in a memory of fixed capacity that replaces the one used
longest ago (:mod:`~fragmentation_recall.memory`), and are found again by the state at which they were made
(:mod:`~fragmentation_recall.keys`), or in whatever way the agent knows places.
"""
