"""ImageNet-RIB: how much robustness fine-tuning costs, and which methods keep it (Hwang et al. 2024).

A pre-trained classifier is fine-tuned on one of eight shifted data sets and tested on the others, for every
set and method; the answer is a matrix of accuracies per model and method, and one number, mRI.
"""

from pathlib import Path

from gridcell.task import Task
from imagenet_rib.plan import plan
from imagenet_rib.settings import Settings

task = Task(
    name="imagenet-rib",
    summary="Fine-tune on one of eight shifted image sets, test on the rest: what robustness is lost?",
    settings=Settings,
    suites=Path(__file__).parent / "suites",
    plan=plan,
    cells={
        "data": "imagenet_rib.work.data:run",
        "pretrain": "imagenet_rib.work.pretrain:run",
        "pretrained": "imagenet_rib.work.pretrained:run",
        "fisher": "imagenet_rib.work.fisher:run",
        "train": "imagenet_rib.work.train:run",
        "evaluate": "imagenet_rib.work.evaluate:run",
        "features": "imagenet_rib.work.features:run",
        "distance": "imagenet_rib.work.distance:run",
    },
    report="imagenet_rib.findings:write",
    progress_metric="mean_accuracy",
    estimate="imagenet_rib.cost:estimate",
    durations="imagenet_rib.cost:durations",
)
