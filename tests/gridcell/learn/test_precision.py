"""The precision that a model answers in, by its device."""

from contextlib import nullcontext

import pytest
import torch

from gridcell.learn.precision import mixed_precision


def test_a_cpu_computes_as_it_would_without():
    assert isinstance(mixed_precision(torch.device("cpu")), nullcontext)


@pytest.mark.filterwarnings("ignore:User provided device_type of 'cuda'")
@pytest.mark.parametrize(
    ("capability", "dtype"), [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)]
)
def test_a_gpu_computes_in_the_format_it_trains_in(monkeypatch, capability, dtype):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
    context = mixed_precision(torch.device("cuda"))
    assert isinstance(context, torch.autocast)
    assert (context.device, context.fast_dtype) == ("cuda", dtype)
