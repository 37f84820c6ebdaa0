"""ImageNet-RIB: how much robustness fine-tuning costs, and which methods keep it (Hwang et al. 2024).

A pre-trained classifier is fine-tuned on one of eight shifted data sets and tested on the others, for every
set and method; the answer is a matrix of accuracies per model and method, and one number, mRI.
"""

from pathlib import Path

from gridcell import BatchFunction, PartKind, Task, Weights
from imagenet_rib.grid.passes import MODELS_A_PASS, PROBES_A_PASS
from imagenet_rib.grid.plan import plan
from imagenet_rib.grid.search import tuning
from imagenet_rib.settings import DOWNSTREAM, Settings

task = Task(
    name="imagenet-rib",
    summary="Fine-tune on one of eight shifted image sets, test on the rest: what robustness is lost?",
    settings=Settings,
    suites=Path(__file__).parent / "suites",
    plan=plan,
    cells={
        "data": "imagenet_rib.cells.data:run",
        "pretrain": "imagenet_rib.cells.pretrain:run",
        "pretrained": "imagenet_rib.cells.pretrained:run",
        "head": "imagenet_rib.cells.head:run",
        "fisher": "imagenet_rib.cells.fisher:run",
        "train": "imagenet_rib.cells.train:run",
        "evaluate": "imagenet_rib.cells.evaluate:run",
        "features": "imagenet_rib.cells.features:run",
        "distance": "imagenet_rib.cells.distance:run",
    },
    batches={
        "evaluate": BatchFunction(
            "imagenet_rib.cells.evaluate:run_together",
            key="imagenet_rib.grid.passes:same_images",
            most=MODELS_A_PASS,
        ),
        "train": BatchFunction(
            "imagenet_rib.cells.train:run_together",
            key="imagenet_rib.grid.passes:same_features",
            most=PROBES_A_PASS,
        ),
    },
    weights={
        **dict.fromkeys(("pretrain", "pretrained", "head", "train"), Weights("weights.safetensors")),
        "fisher": Weights("fisher.safetensors", between=True),
    },
    report="imagenet_rib.report.results:write",
    tables={"summary": "imagenet_rib.report.frames:methods", "sets": "imagenet_rib.report.frames:sets"},
    table_notes={"summary": "imagenet_rib.report.frames:why_no_methods"},
    progress_metric="mean_accuracy",
    estimate="imagenet_rib.grid.cost:estimate",
    own_settings={"training": "methods.NAME.training"},
    tuning=tuning,
    parts={
        "method": PartKind(
            "imagenet_rib.methods:registry",
            section="methods",
            template="imagenet_rib.methods:new_method.txt",
            use="gridcell run imagenet-rib --suite mini --plugin $module.py --select method=$name",
            checks="imagenet_rib.learning.method_checks:checks",
        ),
        "shift": PartKind(
            "gridcell.data:shift_registry",
            section="downstream",
            named_by="item",
            default=DOWNSTREAM,
            template="gridcell.data.shifts:new_shift.txt",
            use="gridcell run imagenet-rib --suite mini --plugin $module.py --select downstream=$name",
            checks="gridcell.testing.shift:checks",
        ),
    },
    export="imagenet_rib.export.folder:export",
    durations="imagenet_rib.grid.cost:durations",
    uses="imagenet_rib.grid.code:modules_of",
)
