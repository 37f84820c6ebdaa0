"""The registry of agents: every file of this folder, every entry point, and the user's own files.

An agent is an :class:`~farmap.agents.kind.AgentKind` that a module calls ``agent``. Another distribution
adds one by an entry point of the group ``gridcell.farmap.agents``.
"""

from farmap.agents.kind import AgentKind
from gridcell import Registry

registry: Registry[AgentKind] = Registry(
    __name__, "agent", "agent", kinds=AgentKind, group="gridcell.farmap.agents"
)
