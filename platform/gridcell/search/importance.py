"""Which settings matter for the metric, by Optuna's default evaluator."""

import warnings
from importlib.util import find_spec

from gridcell.search.samplers import Told, study_of
from gridcell.search.search import Search

EVALUATOR = "PED-ANOVA (Watanabe, Bansal and Hutter 2023)"

FEWEST = 8  # trials with a value


def importance(search: Search) -> dict[str, float]:
    """Return setting -> share of the importance, the largest first.

    Nothing where too few trials are done, there are several objectives, settings change on the way, or Optuna
    is not installed.
    """
    if search.objective.others or search.population is not None:
        return {}
    done = [Told(one.trial, one.ended) for one in search.tried if one.is_done]
    if len(done) < FEWEST or len(search.space.ranges) < 2:
        return {}
    if len({one.ended.value for one in done}) == 1 or find_spec("optuna") is None:
        return {}
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    study = study_of(search.space, done, maximise=[search.objective.maximise])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is experimental
        return dict(get_param_importances(study, evaluator=PedAnovaImportanceEvaluator()))
