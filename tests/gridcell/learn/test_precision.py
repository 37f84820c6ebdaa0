"""The precision that a model answers in, by its device."""

from contextlib import nullcontext, suppress

import pytest
import torch

from gridcell.learn.fitting import fit
from gridcell.learn.precision import mixed_precision, tensor_float32
from learn_problems import batches, classifier, cross_entropy


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


@pytest.mark.parametrize("allowed", [True, False])
def test_tensor_float32_is_as_it_was_afterwards(allowed):
    flags = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [flag.allow_tf32 for flag in flags]
    with suppress(ZeroDivisionError), tensor_float32(allowed):
        assert [flag.allow_tf32 for flag in flags] == [allowed, allowed]
        raise ZeroDivisionError
    assert [flag.allow_tf32 for flag in flags] == before


@pytest.mark.parametrize("precision", ["tf32", "32-true", None])
def test_a_fit_allows_tensor_float32_where_it_is_asked_to(precision):
    seen = []

    def loss(model, images, labels):
        seen.append(torch.backends.cuda.matmul.allow_tf32)
        return cross_entropy(model, images, labels)

    fit(classifier(loss=loss), batches(), epochs=1, seed=0, accelerator="cpu", precision=precision)
    assert set(seen) == {precision == "tf32"}
