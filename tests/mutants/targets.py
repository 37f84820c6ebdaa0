"""Which files mistakes are put into, and which fast tests are to notice: the nearest first."""

from collections.abc import Mapping

CORE = "tests/gridcell/test_"
SETTINGS = "tests/gridcell/settings/test_"
STORE = "tests/gridcell/store/test_"
EXECUTE = "tests/gridcell/execute/test_"
LEARN = "tests/gridcell/learn/test_"
RIB = "tests/imagenet_rib/test_"
RIB_REPORT = "tests/imagenet_rib/report/test_"
CLI = "tests/gridcell/cli/test_"

TESTS: Mapping[str, tuple[str, ...]] = {
    "platform/gridcell/cell.py": (f"{CORE}cell.py", f"{EXECUTE}workers.py", f"{CORE}suite.py"),
    "platform/gridcell/grid.py": (f"{CORE}grid.py", f"{EXECUTE}schedule.py", f"{CLI}cli.py"),
    "platform/gridcell/context.py": (
        f"{CORE}context.py",
        f"{EXECUTE}executors.py",
        f"{EXECUTE}attempt.py",
        f"{EXECUTE}policies.py",
    ),
    "platform/gridcell/errors.py": (f"{CORE}suite.py", f"{CLI}cli.py", f"{SETTINGS}overrides.py"),
    "platform/gridcell/registry.py": (f"{CORE}registry.py",),
    "platform/gridcell/secrets.py": (f"{CORE}secrets.py",),
    "platform/gridcell/suite.py": (f"{SETTINGS}overrides.py", f"{CORE}suite.py", f"{CLI}cli.py"),
    "platform/gridcell/settings/base.py": (
        f"{SETTINGS}schema.py",
        f"{SETTINGS}parse.py",
        f"{SETTINGS}overrides.py",
    ),
    "platform/gridcell/settings/core_yaml.py": (f"{SETTINGS}core_yaml.py", f"{SETTINGS}overrides.py"),
    "platform/gridcell/settings/docstrings.py": (
        f"{SETTINGS}schema.py",
        f"{SETTINGS}overrides.py",
    ),
    "platform/gridcell/settings/mistakes.py": (f"{SETTINGS}parse.py", f"{SETTINGS}overrides.py"),
    "platform/gridcell/settings/overrides.py": (f"{SETTINGS}overrides.py",),
    "platform/gridcell/settings/parse.py": (
        f"{SETTINGS}parse.py",
        f"{SETTINGS}overrides.py",
        f"{CORE}suite.py",
    ),
    "platform/gridcell/settings/schema.py": (
        f"{SETTINGS}schema.py",
        f"{SETTINGS}overrides.py",
    ),
    "platform/gridcell/settings/strictness.py": (f"{SETTINGS}parse.py",),
    "platform/gridcell/store/__init__.py": (f"{STORE}store.py", f"{CLI}unreadable.py"),
    "platform/gridcell/store/cache.py": (f"{STORE}cache.py",),
    "platform/gridcell/store/checkpoints.py": (f"{STORE}store.py", f"{EXECUTE}attempt.py"),
    "platform/gridcell/store/failures.py": (f"{STORE}store.py", f"{EXECUTE}attempt.py"),
    "platform/gridcell/store/filesystem.py": (f"{STORE}atomic.py", f"{STORE}store.py", f"{STORE}listings.py"),
    "platform/gridcell/store/losses.py": (f"{STORE}store.py", f"{EXECUTE}policies.py"),
    "platform/gridcell/store/notes.py": (f"{STORE}store.py", f"{EXECUTE}policies.py"),
    "platform/gridcell/store/patience.py": (f"{STORE}patience.py", f"{EXECUTE}attempt.py"),
    "platform/gridcell/store/plans.py": (f"{STORE}store.py",),
    "platform/gridcell/store/results.py": (f"{STORE}store.py", f"{STORE}patience.py"),
    "platform/gridcell/execute/attempt.py": (f"{EXECUTE}attempt.py", f"{EXECUTE}executors.py"),
    "platform/gridcell/execute/driver.py": (f"{EXECUTE}executors.py", f"{EXECUTE}policies.py"),
    "platform/gridcell/execute/heartbeat.py": (f"{EXECUTE}policies.py",),
    "platform/gridcell/execute/inline.py": (f"{EXECUTE}executors.py", f"{EXECUTE}policies.py"),
    "platform/gridcell/execute/outcome.py": (
        f"{EXECUTE}attempt.py",
        f"{EXECUTE}schedule.py",
        f"{EXECUTE}executors.py",
    ),
    "platform/gridcell/execute/schedule.py": (
        f"{EXECUTE}schedule.py",
        f"{EXECUTE}attempt.py",
        f"{EXECUTE}policies.py",
    ),
    "platform/gridcell/execute/searcher.py": (f"{EXECUTE}searcher.py",),
    "platform/gridcell/execute/settle.py": (
        f"{EXECUTE}attempt.py",
        f"{EXECUTE}policies.py",
        f"{EXECUTE}executors.py",
    ),
    "platform/gridcell/execute/simulate.py": (f"{EXECUTE}simulate.py", f"{CLI}cli.py"),
    "platform/gridcell/execute/stall.py": (f"{EXECUTE}attempt.py", f"{EXECUTE}policies.py"),
    "platform/gridcell/execute/trial.py": (f"{EXECUTE}trial.py",),
    "platform/gridcell/learn/checkpoint.py": (f"{LEARN}checkpoint.py", f"{LEARN}fit.py"),
    "platform/gridcell/learn/classifier.py": (f"{LEARN}classifier.py", f"{LEARN}fit.py"),
    "platform/gridcell/learn/fitting.py": (f"{LEARN}fit.py", f"{LEARN}checkpoint.py"),
    "platform/gridcell/learn/gathering.py": (f"{LEARN}together.py",),
    "platform/gridcell/learn/optimisers.py": (f"{LEARN}classifier.py", f"{LEARN}fit.py"),
    "platform/gridcell/learn/precision.py": (f"{LEARN}precision.py",),
    "platform/gridcell/learn/randomness.py": (f"{LEARN}checkpoint.py", f"{LEARN}fit.py"),
    "tasks/imagenet_rib/metrics.py": (f"{RIB}metrics.py",),
    "tasks/imagenet_rib/settings.py": (f"{RIB}plan.py", f"{RIB}model_options.py", f"{SETTINGS}overrides.py"),
    "tasks/imagenet_rib/grid/model_options.py": (f"{RIB}model_options.py",),
    "tasks/imagenet_rib/grid/plan.py": (f"{RIB}plan.py", f"{CORE}identities.py"),
    "tasks/imagenet_rib/learning/fisher.py": (f"{RIB}fisher.py",),
    "tasks/imagenet_rib/learning/masking.py": (f"{RIB}masking.py",),
    "tasks/imagenet_rib/learning/merging.py": (f"{RIB}merging.py",),
    "tasks/imagenet_rib/learning/models.py": (f"{RIB}models.py",),
    "tasks/imagenet_rib/learning/modes.py": (f"{RIB}fisher.py", f"{RIB}objectives.py"),
    "tasks/imagenet_rib/learning/objectives.py": (f"{RIB}objectives.py", f"{RIB}methods.py"),
    "tasks/imagenet_rib/methods/ewc.py": (f"{RIB}methods.py",),
    "tasks/imagenet_rib/methods/l2_sp.py": (f"{RIB}methods.py",),
    "tasks/imagenet_rib/methods/lwf.py": (f"{RIB}methods.py",),
    "tasks/imagenet_rib/methods/soup.py": (f"{RIB}methods.py", f"{RIB}merging.py"),
    "tasks/imagenet_rib/methods/wise_ft.py": (f"{RIB}methods.py", f"{RIB}merging.py"),
    "tasks/imagenet_rib/report/estimates.py": (f"{RIB_REPORT}summary.py", f"{RIB_REPORT}leaderboard.py"),
    "tasks/imagenet_rib/report/significance.py": (
        f"{RIB_REPORT}significance.py",
        f"{RIB_REPORT}leaderboard.py",
    ),
}
"""File -> files of tests. Tests that are slow or long are left out."""

SLOWER = frozenset(
    {
        *(f"{EXECUTE}{name}.py" for name in ("executors", "policies", "searcher", "trial", "workers")),
        *(f"{CLI}{name}.py" for name in ("cli", "unreadable")),
        *(f"{LEARN}{name}.py" for name in ("checkpoint", "fit", "together")),
        *(f"{RIB}{name}.py" for name in ("methods", "models", "model_options", "plan")),
        *(f"{STORE}{name}.py" for name in ("cache", "patience", "store", "listings")),
        *(f"{RIB_REPORT}{name}.py" for name in ("leaderboard", "summary")),
        f"{CORE}identities.py",
    }
)
"""Files of tests that take more than some seconds: mistakes that need none of them are tried first."""
