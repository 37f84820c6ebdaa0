"""``lp_ft``: fine-tuning that starts from a finished linear probe (Kumar et al. 2022)."""

from imagenet_rib.method import FineTuning
from imagenet_rib.methods.ft import prepare

method = FineTuning(
    name="lp_ft",
    summary="Linear probing, then fine-tuning of all parameters from there (Kumar et al. 2022).",
    prepare=prepare,
    start="lp",
)
