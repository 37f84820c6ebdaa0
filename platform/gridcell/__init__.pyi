__version__: str
from . import data as data, learn as learn, plots as plots, plugins as plugins, report as report
from .answers.reading import artifact as artifact, curves as curves, plan as plan, results as results
from .answers.running import run as run
from .answers.sides import compare as compare
from .cell import (
    Cell as Cell,
    Resources as Resources,
    canonical_json as canonical_json,
    divided as divided,
    one_worker as one_worker,
)
from .context import Context as Context
from .errors import (
    CellsFailed as CellsFailed,
    CorruptData as CorruptData,
    Diverged as Diverged,
    UserError as UserError,
    did_you_mean as did_you_mean,
    nearest as nearest,
    unknown as unknown,
)
from .execute.cluster import ray_cluster as ray_cluster
from .execute.driver import run_grid as run_grid
from .execute.options import RunOptions as RunOptions
from .execute.outcome import FailureClass as FailureClass, classify as classify
from .execute.process_group import join_group as join_group
from .execute.processes import GRACE_S as GRACE_S, ray_here as ray_here
from .execute.reach import LOOPBACK_ONLY as LOOPBACK_ONLY
from .execute.source import Ended as Ended, Growth as Growth, Source as Source
from .grid import Grid as Grid, GridBuilder as GridBuilder, order_by_needs as order_by_needs
from .parts import PartKind as PartKind
from .registry import Registry as Registry, by_name as by_name, version_of as version_of
from .settings import (
    AnySize as AnySize,
    Distinct as Distinct,
    Mistake as Mistake,
    OneOf as OneOf,
    Parts as Parts,
    Seeds as Seeds,
    SettingsError as SettingsError,
    Strict as Strict,
    added_later as added_later,
    collect as collect,
    identity_of as identity_of,
    parse_settings as parse_settings,
    read_list as read_list,
    spell_out as spell_out,
    with_preset as with_preset,
)
from .settings.retention import Weights as Weights
from .store import Checkpoints as Checkpoints, Result as Result, Results as Results, Store as Store
from .store.cache import cache_folder as cache_folder
from .store.filesystem import Folder as Folder, sha256_of as sha256_of
from .suite import load_suite as load_suite
from .task import (
    BatchFunction as BatchFunction,
    Exporting as Exporting,
    Playing as Playing,
    Task as Task,
    find_task as find_task,
    task_names as task_names,
)
from .tuning import Fidelity as Fidelity, Rule as Rule, Stages as Stages, Tuning as Tuning
