__version__: str
from .cell import (
    Cell as Cell,
    Resources as Resources,
    canonical_json as canonical_json,
    divided as divided,
    one_worker as one_worker,
)
from .context import Context as Context
from .errors import (
    CorruptData as CorruptData,
    Diverged as Diverged,
    UserError as UserError,
    did_you_mean as did_you_mean,
    unknown as unknown,
)
from .execute.driver import run_grid as run_grid
from .execute.options import RunOptions as RunOptions
from .execute.outcome import FailureClass as FailureClass, classify as classify
from .execute.process_group import join_group as join_group
from .grid import Grid as Grid, GridBuilder as GridBuilder
from .registry import Registry as Registry, by_name as by_name
from .settings import Distinct as Distinct, Seeds as Seeds, Strict as Strict
from .store import Checkpoints as Checkpoints, Result as Result, Results as Results, Store as Store
from .suite import load_suite as load_suite, parse_settings as parse_settings
from .task import Task as Task, find_task as find_task, task_names as task_names
