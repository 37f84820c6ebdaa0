"""Which files mistakes are put into, and which fast tests are nearest to each."""

from collections.abc import Mapping

CORE = "tests/gridcell/test_"
SETTINGS = "tests/gridcell/settings/test_"
STORE = "tests/gridcell/store/test_"
EXECUTE = "tests/gridcell/execute/test_"
LEARN = "tests/gridcell/learn/test_"
RIB = "tests/imagenet_rib/test_"
RIB_REPORT = "tests/imagenet_rib/report/test_"
CLI = "tests/gridcell/cli/test_"
DATA = "tests/gridcell/data/test_"
RIB_DISTANCE = "tests/imagenet_rib/distance/test_"

TESTS: Mapping[str, tuple[str, ...]] = {
    "platform/gridcell/cell.py": (f"{CORE}cell.py", f"{EXECUTE}workers.py", f"{CORE}suite.py"),
    "platform/gridcell/grid.py": (f"{CORE}grid.py", f"{EXECUTE}schedule.py", f"{CLI}cli.py"),
    "platform/gridcell/context.py": (
        f"{CORE}context.py",
        f"{EXECUTE}executors.py",
        f"{EXECUTE}attempt.py",
        f"{EXECUTE}policies.py",
    ),
    "platform/gridcell/thinned.py": (f"{CORE}thinned.py", f"{CORE}context.py"),
    "platform/gridcell/errors.py": (f"{CORE}suite.py", f"{CLI}cli.py", f"{SETTINGS}overrides.py"),
    "platform/gridcell/registry.py": (f"{CORE}registry.py",),
    "platform/gridcell/secrets.py": (f"{CORE}secrets.py",),
    "platform/gridcell/suite.py": (f"{SETTINGS}overrides.py", f"{CORE}suite.py", f"{CLI}cli.py"),
    "platform/gridcell/cli/disk_errors.py": (f"{CLI}disk_errors.py",),
    "platform/gridcell/answers/given.py": ("tests/gridcell/answers/test_given.py",),
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
    "platform/gridcell/store/mark.py": (f"{STORE}mark.py",),
    "platform/gridcell/store/notes.py": (f"{STORE}store.py", f"{EXECUTE}policies.py"),
    "platform/gridcell/store/patience.py": (f"{STORE}patience.py", f"{EXECUTE}attempt.py"),
    "platform/gridcell/store/plans.py": (f"{STORE}store.py",),
    "platform/gridcell/store/results.py": (f"{STORE}store.py", f"{STORE}patience.py"),
    "platform/gridcell/execute/attempt.py": (f"{EXECUTE}attempt.py", f"{EXECUTE}executors.py"),
    "platform/gridcell/execute/driver.py": (f"{EXECUTE}executors.py", f"{EXECUTE}policies.py"),
    "platform/gridcell/execute/heartbeat.py": (f"{EXECUTE}policies.py",),
    "platform/gridcell/execute/inline.py": (f"{EXECUTE}executors.py", f"{EXECUTE}policies.py"),
    "platform/gridcell/execute/outcome.py": (
        f"{EXECUTE}failures.py",
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
    "platform/gridcell/learn/checkpoint.py": (f"{LEARN}checkpoint.py", f"{LEARN}pauses.py", f"{LEARN}fit.py"),
    "platform/gridcell/learn/classifier.py": (f"{LEARN}classifier.py", f"{LEARN}fit.py"),
    "platform/gridcell/learn/fitting.py": (f"{LEARN}fit.py", f"{LEARN}checkpoint.py", f"{LEARN}pauses.py"),
    "platform/gridcell/learn/epoch_report.py": (
        f"{LEARN}fit.py",
        f"{LEARN}checkpoint.py",
        f"{LEARN}validation.py",
    ),
    "platform/gridcell/learn/gathering.py": (f"{LEARN}together.py",),
    "platform/gridcell/learn/optimisers.py": (f"{LEARN}classifier.py", f"{LEARN}fit.py"),
    "platform/gridcell/learn/precision.py": (f"{LEARN}precision.py",),
    "platform/gridcell/learn/randomness.py": (f"{LEARN}checkpoint.py", f"{LEARN}fit.py"),
    "platform/gridcell/learn/sharding.py": (f"{LEARN}together.py",),
    "platform/gridcell/learn/validation.py": (f"{LEARN}validation.py",),
    "tasks/imagenet_rib/metrics.py": (f"{RIB}metrics.py",),
    "tasks/imagenet_rib/settings.py": (
        f"{SETTINGS}listed.py",
        f"{RIB}plan.py",
        f"{RIB}model_options.py",
        f"{SETTINGS}overrides.py",
    ),
    "tasks/imagenet_rib/grid/model_options.py": (f"{RIB}model_options.py",),
    "tasks/imagenet_rib/grid/occupied.py": (f"{RIB}sharding.py", f"{RIB}variants.py"),
    "tasks/imagenet_rib/grid/plan.py": (f"{RIB}plan.py", f"{CORE}identities.py"),
    "tasks/imagenet_rib/learning/fisher.py": (f"{RIB}fisher.py",),
    "tasks/imagenet_rib/learning/masking.py": (f"{RIB}masking.py",),
    "tasks/imagenet_rib/learning/merging.py": (f"{RIB}merging.py",),
    "tasks/imagenet_rib/learning/models.py": (f"{RIB}models.py",),
    "tasks/imagenet_rib/learning/modes.py": (f"{RIB}fisher.py", f"{RIB}objectives.py"),
    "tasks/imagenet_rib/learning/objectives.py": (f"{RIB}objectives.py", f"{RIB}methods.py"),
    "tasks/imagenet_rib/methods/ewc.py": (
        f"{SETTINGS}listed.py",
        f"{RIB}methods.py",
    ),
    "tasks/imagenet_rib/methods/l2_sp.py": (
        f"{SETTINGS}listed.py",
        f"{RIB}methods.py",
    ),
    "tasks/imagenet_rib/methods/lwf.py": (
        f"{SETTINGS}listed.py",
        f"{RIB}methods.py",
    ),
    "tasks/imagenet_rib/methods/soup.py": (f"{SETTINGS}listed.py", f"{RIB}methods.py", f"{RIB}merging.py"),
    "tasks/imagenet_rib/methods/wise_ft.py": (f"{SETTINGS}listed.py", f"{RIB}methods.py", f"{RIB}merging.py"),
    "tasks/imagenet_rib/report/estimates.py": (f"{RIB_REPORT}summary.py", f"{RIB_REPORT}leaderboard.py"),
    "tasks/imagenet_rib/report/significance.py": (
        f"{RIB_REPORT}significance.py",
        f"{RIB_REPORT}leaderboard.py",
    ),
    "platform/gridcell/debugging.py": (f"{EXECUTE}debugging.py",),
    "platform/gridcell/digest.py": (f"{CORE}staleness.py",),
    "platform/gridcell/fingerprint.py": (
        f"{CORE}staleness.py",
        f"{CORE}package_data.py",
        f"{CORE}sources.py",
    ),
    "platform/gridcell/notice.py": (f"{EXECUTE}notice.py",),
    "platform/gridcell/package_data.py": (f"{CORE}package_data.py",),
    "platform/gridcell/paths_elsewhere.py": (f"{CORE}paths_elsewhere.py",),
    "platform/gridcell/parts.py": (f"{CORE}plugins.py", f"{CORE}own_parts.py"),
    "platform/gridcell/plugins.py": (f"{CORE}plugins.py",),
    "platform/gridcell/execute/received.py": (f"{CORE}plugins.py",),
    "platform/gridcell/printable.py": (f"{CLI}watching.py",),
    "platform/gridcell/provenance.py": (
        f"{CORE}provenance.py",
        f"{CORE}staleness.py",
        f"{CORE}secrets.py",
    ),
    "platform/gridcell/sources.py": (
        f"{CORE}sources.py",
        f"{CORE}staleness.py",
    ),
    "platform/gridcell/staleness.py": (f"{CORE}staleness.py", f"{CORE}divergence.py"),
    "platform/gridcell/task.py": (
        f"{CORE}task_contract.py",
        f"{CORE}suite.py",
    ),
    "platform/gridcell/store/codes.py": (
        f"{STORE}usage.py",
        f"{CORE}staleness.py",
    ),
    "platform/gridcell/store/commit.py": (
        f"{STORE}commit.py",
        f"{STORE}atomic.py",
    ),
    "platform/gridcell/store/locks.py": (
        f"{STORE}locks.py",
        f"{STORE}commit.py",
    ),
    "platform/gridcell/store/logs.py": (f"{CLI}logs.py",),
    "platform/gridcell/store/names.py": (f"{STORE}names.py",),
    "platform/gridcell/store/scratch.py": (f"{STORE}scratch.py",),
    "platform/gridcell/store/usage.py": (f"{STORE}usage.py", f"{STORE}retention.py"),
    "platform/gridcell/store/values.py": (f"{STORE}values.py",),
    "platform/gridcell/execute/allotted.py": (f"{EXECUTE}allotted.py",),
    "platform/gridcell/execute/batch.py": (f"{EXECUTE}batches.py",),
    "platform/gridcell/execute/causes.py": (
        f"{EXECUTE}failures.py",
        f"{EXECUTE}attempt.py",
    ),
    "platform/gridcell/execute/dependencies.py": (
        f"{EXECUTE}dependencies.py",
        f"{EXECUTE}schedule.py",
        f"{EXECUTE}growth.py",
    ),
    "platform/gridcell/execute/ending.py": (f"{EXECUTE}notice.py",),
    "platform/gridcell/execute/growth.py": (f"{EXECUTE}growth.py",),
    "platform/gridcell/execute/in_flight.py": (
        f"{EXECUTE}in_flight.py",
        f"{EXECUTE}schedule.py",
    ),
    "platform/gridcell/execute/last_words.py": (
        f"{EXECUTE}failures.py",
        f"{EXECUTE}trial.py",
        f"{EXECUTE}policies.py",
    ),
    "platform/gridcell/execute/listener.py": (
        f"{EXECUTE}listener.py",
        f"{EXECUTE}attempt.py",
        f"{EXECUTE}batches.py",
    ),
    "platform/gridcell/execute/nodes.py": (f"{EXECUTE}failures.py",),
    "platform/gridcell/execute/options.py": (f"{EXECUTE}policies.py", f"{CLI}cli.py"),
    "platform/gridcell/execute/output.py": (f"{CLI}logs.py",),
    "platform/gridcell/execute/ready.py": (
        f"{EXECUTE}schedule.py",
        f"{EXECUTE}in_flight.py",
    ),
    "platform/gridcell/execute/run_cell.py": (
        f"{EXECUTE}batches.py",
        f"{EXECUTE}attempt.py",
    ),
    "platform/gridcell/execute/running_code.py": (f"{EXECUTE}running_code.py", f"{CORE}staleness.py"),
    "platform/gridcell/execute/source.py": (f"{EXECUTE}growth.py",),
    "platform/gridcell/settings/lists.py": (f"{RIB}published_figures.py",),
    "platform/gridcell/settings/one_of.py": (
        f"{SETTINGS}schema.py",
        f"{SETTINGS}overrides.py",
    ),
    "platform/gridcell/settings/ranges.py": (f"{SETTINGS}sweeps.py",),
    "platform/gridcell/settings/resources.py": (f"{CORE}resources.py",),
    "platform/gridcell/settings/sweeps.py": (f"{SETTINGS}sweeps.py",),
    "tasks/imagenet_rib/grid/chosen_methods.py": (
        f"{RIB}variants.py",
        f"{RIB}plan.py",
    ),
    "tasks/imagenet_rib/grid/cost.py": (f"{RIB}parts.py",),
    "tasks/imagenet_rib/grid/data_cells.py": (
        f"{RIB}data_cells.py",
        f"{RIB}imagenet.py",
        f"{DATA}min_images.py",
    ),
    "tasks/imagenet_rib/grid/image_folders.py": (
        f"{RIB}imagenet.py",
        f"{DATA}own_data.py",
        f"{RIB}own_names.py",
    ),
    "tasks/imagenet_rib/grid/model_names.py": (f"{RIB}names.py",),
    "tasks/imagenet_rib/grid/own_classes.py": (
        f"{RIB}own_classes.py",
        f"{RIB}heads.py",
    ),
    "tasks/imagenet_rib/grid/passes.py": (f"{RIB}passes.py",),
    "tasks/imagenet_rib/grid/search.py": (f"{RIB}search.py",),
    "tasks/imagenet_rib/report/search_noise.py": (f"{RIB}search_noise.py",),
    "tasks/imagenet_rib/grid/slices.py": (f"{RIB}parts.py",),
    "tasks/imagenet_rib/grid/throughput.py": (f"{RIB}parts.py",),
    "tasks/imagenet_rib/grid/training_settings.py": (
        f"{SETTINGS}listed.py",
        f"{RIB}variants.py",
        f"{RIB}plan.py",
    ),
    "tasks/imagenet_rib/learning/adapters.py": (
        f"{RIB}methods.py",
        f"{RIB}released.py",
    ),
    "tasks/imagenet_rib/learning/augmentation.py": (f"{RIB}augmentation.py",),
    "tasks/imagenet_rib/learning/checkpoint_files.py": (f"{RIB}checkpoint_files.py",),
    "tasks/imagenet_rib/learning/contrastive.py": (
        f"{RIB}added_parts.py",
        f"{RIB}heads.py",
    ),
    "tasks/imagenet_rib/learning/file_heads.py": (f"{RIB}checkpoint_files.py",),
    "tasks/imagenet_rib/learning/heads.py": (f"{RIB}heads.py",),
    "tasks/imagenet_rib/learning/predictions.py": (
        f"{RIB}passes.py",
        f"{RIB}evaluate.py",
        f"{RIB}models.py",
        f"{RIB}resizing.py",
    ),
    "tasks/imagenet_rib/learning/resizing.py": (f"{RIB}resizing.py", f"{RIB}reader.py"),
    "tasks/imagenet_rib/learning/prompting.py": (
        f"{RIB}added_parts.py",
        f"{RIB}methods.py",
    ),
    "tasks/imagenet_rib/method.py": (
        f"{RIB}methods.py",
        f"{RIB}registry.py",
    ),
    "tasks/imagenet_rib/methods/flyp.py": (
        f"{SETTINGS}listed.py",
        f"{RIB}added_parts.py",
        f"{RIB}methods.py",
    ),
    "tasks/imagenet_rib/methods/lora.py": (
        f"{SETTINGS}listed.py",
        f"{RIB}methods.py",
        f"{RIB}released.py",
    ),
    "tasks/imagenet_rib/methods/lp.py": (
        f"{RIB}methods.py",
        f"{RIB}released.py",
    ),
    "tasks/imagenet_rib/methods/model_stock.py": (
        f"{SETTINGS}listed.py",
        f"{RIB}merging.py",
        f"{RIB}methods.py",
        f"{RIB}added_parts.py",
    ),
    "tasks/imagenet_rib/methods/visual_prompt.py": (
        f"{SETTINGS}listed.py",
        f"{RIB}methods.py",
        f"{RIB}released.py",
    ),
    "tasks/imagenet_rib/cells/evaluate.py": (
        f"{RIB}evaluate.py",
        f"{RIB}passes.py",
    ),
    "tasks/imagenet_rib/cells/held_out.py": (f"{RIB}search.py",),
    "tasks/imagenet_rib/cells/inputs.py": (
        f"{RIB}training.py",
        f"{RIB}passes.py",
    ),
    "tasks/imagenet_rib/cells/objectnet.py": (f"{RIB}released.py",),
    "tasks/imagenet_rib/cells/packed_bits.py": (
        f"{RIB}packed.py",
        f"{RIB}evaluate.py",
    ),
    "tasks/imagenet_rib/cells/training.py": (f"{RIB}training.py",),
    "tasks/imagenet_rib/cells/validation.py": (f"{RIB}validation.py",),
    "tasks/imagenet_rib/distance/correlation.py": (f"{RIB_DISTANCE}correlation.py",),
    "tasks/imagenet_rib/distance/excess.py": (f"{RIB_DISTANCE}excess.py",),
    "tasks/imagenet_rib/distance/features.py": (f"{RIB_DISTANCE}features.py",),
    "tasks/imagenet_rib/distance/labels.py": (f"{RIB_DISTANCE}labels.py",),
    "tasks/imagenet_rib/distance/otdd.py": (f"{RIB_DISTANCE}otdd.py",),
    "tasks/imagenet_rib/distance/sets.py": (
        f"{RIB_DISTANCE}otdd.py",
        f"{RIB_DISTANCE}labels.py",
    ),
    "tasks/imagenet_rib/distance/transport.py": (f"{RIB_DISTANCE}otdd.py",),
    "tasks/imagenet_rib/report/claims.py": (f"{RIB_REPORT}claims.py",),
    "tasks/imagenet_rib/report/corruption_accuracy.py": (f"{RIB_REPORT}corruptions.py",),
    "tasks/imagenet_rib/report/counting.py": (f"{RIB}packed.py", f"{RIB_REPORT}corruptions.py"),
    "tasks/imagenet_rib/report/distance_summary.py": (
        f"{RIB_REPORT}claims.py",
        f"{RIB_REPORT}summary.py",
    ),
    "tasks/imagenet_rib/report/evaluations.py": (
        f"{RIB_REPORT}summary.py",
        f"{RIB_REPORT}results.py",
    ),
    "tasks/imagenet_rib/report/leaderboard.py": (f"{RIB_REPORT}leaderboard.py",),
    "tasks/imagenet_rib/report/matrices.py": (f"{RIB_REPORT}summary.py",),
    "tasks/imagenet_rib/report/published.py": (f"{RIB}published_figures.py",),
    "tasks/imagenet_rib/report/results.py": (f"{RIB_REPORT}results.py",),
    "tasks/imagenet_rib/report/richness.py": (f"{RIB_REPORT}claims.py",),
    "tasks/imagenet_rib/report/summary.py": (f"{RIB_REPORT}summary.py",),
    "tasks/imagenet_rib/report/tradeoff.py": (f"{RIB_REPORT}tradeoff.py", f"{RIB_REPORT}page.py"),
    "platform/gridcell/settings/plain_words.py": (f"{SETTINGS}parse.py",),
    "platform/gridcell/settings/schema_place.py": (f"{SETTINGS}sweeps.py",),
    "tasks/imagenet_rib/learning/open_clip_names.py": (f"{RIB}open_clip.py",),
    "platform/gridcell/execute/shared_time.py": (f"{EXECUTE}shared_time.py",),
    "platform/gridcell/store/retention.py": (f"{STORE}retention.py", f"{STORE}usage.py"),
    "platform/gridcell/settings/retention.py": (f"{STORE}retention.py", f"{STORE}usage.py"),
    "platform/gridcell/execute/allocation.py": (f"{EXECUTE}allocation.py",),
    "platform/gridcell/execute/pruned.py": (f"{STORE}retention.py",),
    "platform/gridcell/execute/forgetful.py": (f"{EXECUTE}searcher.py",),
    "tasks/imagenet_rib/cells/at_once.py": (f"{RIB}at_once.py",),
    "platform/gridcell/paths_in_code.py": (f"{CORE}package_data.py", f"{CORE}sources.py"),
    "platform/gridcell/syntax.py": (f"{CORE}sources.py", f"{CORE}package_data.py"),
    "tasks/imagenet_rib/cells/reduced.py": (f"{RIB}reduced.py",),
    "tasks/imagenet_rib/grid/part_sentences.py": (f"{RIB}reduced.py",),
    "platform/gridcell/settings/listing.py": (f"{SETTINGS}schema.py",),
    "tasks/imagenet_rib/report/partial.py": (f"{RIB_REPORT}partial.py", f"{RIB_REPORT}page.py"),
    "platform/gridcell/testing/corruption.py": ("tests/gridcell/testing/test_checks.py",),
    "tasks/imagenet_rib/learning/method_checks.py": ("tests/gridcell/testing/test_checks.py",),
    "platform/gridcell/build.py": ("tests/gridcell/cli/test_start.py",),
    "tasks/imagenet_rib/cells/fine_tuning.py": (
        "tests/imagenet_rib/test_training.py",
        "tests/imagenet_rib/test_known_answers.py",
    ),
    "tasks/imagenet_rib/cells/known_answers.py": ("tests/imagenet_rib/test_known_answers.py",),
    "tasks/imagenet_rib/learning/probing.py": ("tests/imagenet_rib/test_known_answers.py",),
    "tasks/imagenet_rib/grid/effects.py": ("tests/imagenet_rib/test_preparation.py",),
    "tasks/imagenet_rib/grid/published_figures.py": ("tests/imagenet_rib/test_published_figures.py",),
    "tasks/imagenet_rib/learning/checkpointing.py": ("tests/imagenet_rib/test_checkpointing.py",),
    "tasks/imagenet_rib/report/stale.py": (f"{RIB_REPORT}stale.py",),
    "tasks/imagenet_rib/report/sureness.py": (f"{RIB_REPORT}sureness.py",),
    "tasks/imagenet_rib/report/twins.py": (f"{RIB_REPORT}twins.py",),
    "tasks/imagenet_rib/report/by_set.py": (f"{RIB_REPORT}by_set.py",),
    "tasks/imagenet_rib/report/frames.py": (f"{RIB_REPORT}by_set.py",),
    "tasks/imagenet_rib/report/wording.py": (f"{RIB_REPORT}tradeoff.py", f"{RIB_REPORT}by_set.py"),
    "tasks/imagenet_rib/report/chance.py": ("tests/imagenet_rib/report/test_chance.py",),
    "tasks/imagenet_rib/report/chosen.py": ("tests/imagenet_rib/report/test_chosen.py",),
    "platform/gridcell/stages.py": (f"{CORE}stages.py", "tests/gridcell/search/test_population.py"),
    "platform/gridcell/settings/stages.py": (f"{CORE}stages.py",),
}
"""File -> files of tests that are run whole. Tests that are slow or long are left out."""

ROOTS = ("tests/gridcell", "tests/imagenet_rib")
"""Folders of all tests that may notice a mistake: those that run its lines are found."""

ROOMS = (
    "platform/gridcell",
    *(f"platform/gridcell/{name}" for name in ("settings", "store", "execute", "learn")),
    "tasks/imagenet_rib",
    *(
        f"tasks/imagenet_rib/{name}"
        for name in ("grid", "learning", "methods", "cells", "distance", "report")
    ),
)
"""Folders whose files are changed, except ``__init__.py`` and what ``LEFT_OUT`` names."""

LEFT_OUT: Mapping[str, str] = {
    **{
        f"platform/gridcell/execute/{name}.py": "only slow tests run it: it needs a cluster or more processes"
        for name in ("cluster", "draining", "head", "process_group", "processes", "reach", "tune")
    },
    "platform/gridcell/execute/profiling.py": "only slow tests run it: it starts a profiler",
    "platform/gridcell/execute/threads.py": "how many threads a new process has: only slow tests start one",
    "platform/gridcell/learn/placement.py": "what it does needs a GPU",
    "platform/gridcell/learn/sync_batchnorm.py": "only slow tests run it: it needs two processes",
    **{f"platform/gridcell/{name}.py": "it has declarations only" for name in ("__main__", "tuning")},
    **{
        f"tasks/imagenet_rib/{name}.py": "it has declarations only"
        for name in ("vocabulary", "grid/code", "grid/input_names", "grid/offline_models", "learning/parts")
    },
    **{
        f"tasks/imagenet_rib/methods/{name}.py": "it has declarations only" for name in ("ft", "lp_ft", "pre")
    },
    **{
        f"tasks/imagenet_rib/cells/{name}.py": "only slow tests run it: a whole cell"
        for name in (
            *("data", "distance", "features", "fisher", "head", "image_sets", "pretrain", "pretrained"),
            *("stored_sets", "train"),
        )
    },
    **{
        f"tasks/imagenet_rib/{name}.py": "it reads published data or weights, which fast tests do not have"
        for name in (
            *("grid/published", "grid/shard_sets", "learning/hub"),
            *("learning/offline_weights", "learning/open_clip_tower"),
        )
    },
    "tasks/imagenet_rib/learning/pretrained.py": "only slow tests run it: a whole cell",
    "tasks/imagenet_rib/distance/memory.py": "it changes how much memory is used, and no number",
    **{
        f"tasks/imagenet_rib/report/{name}.py": "it draws and words a page: looked at, not computed"
        for name in (
            *("corruption_figures", "distance_figures", "figures", "page", "rows", "sentences", "tables"),
        )
    },
}
"""File -> why no mistakes are put into it."""
