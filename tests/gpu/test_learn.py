"""Training and answering on a GPU against the same on a CPU."""

import math

import pytest
import torch

from gridcell.data.batches import Batches
from gridcell.learn.checkpoint import PeriodicCheckpoint
from gridcell.learn.fitting import best_precision, fit
from gridcell.learn.precision import mixed_precision, tensor_float32
from gridcell.learn.randomness import random_state, restore_random_state
from learn_problems import Folder, batches, classifier, cross_entropy, data, network


def trained(accelerator, model_seen=None, **options):
    options = {"epochs": 4, "seed": 5, "precision": "32-true"} | options
    module, reports = classifier(loss=model_seen or cross_entropy), []
    module.model[3].p = 0.0  # dropout draws other numbers on a GPU
    fit(module, batches(), accelerator=accelerator, report=lambda **m: reports.append(m), **options)
    return module.model, reports


def test_a_fit_takes_the_steps_of_a_cpu():
    (cpu, told), (gpu, told_gpu) = trained("cpu"), trained("gpu")
    for name, weights in cpu.state_dict().items():
        assert gpu.state_dict()[name].device.type == "cpu"
        torch.testing.assert_close(gpu.state_dict()[name], weights, rtol=1e-3, atol=1e-4)
    for mine, expected in zip(told_gpu, told, strict=True):
        assert mine == pytest.approx(expected, rel=1e-3)


def test_a_fit_is_in_mixed_precision_by_default():
    seen = []

    def loss(model, images, labels):
        answers = model(images)
        seen.append((images.device.type, answers.dtype))
        return torch.nn.functional.cross_entropy(answers.float(), labels)

    _, told = trained("gpu", loss, precision=None)
    short = torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16
    assert set(seen) == {("cuda", short)}
    assert best_precision("gpu").endswith("-mixed")
    assert told[-1]["loss"] < told[0]["loss"]


class StoppedError(Exception):
    """The machine is lost."""


def test_an_interrupted_fit_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    monkeypatch.setattr(PeriodicCheckpoint, "LOOK_EVERY", 2)
    monkeypatch.setattr(PeriodicCheckpoint, "MOST_OF_TIME", math.inf)
    whole = classifier()  # with dropout: the GPU's generator goes on, too
    fit(whole, batches(), epochs=3, seed=5, accelerator="gpu")
    calls = iter(range(12))

    def stops(model, images, labels):
        if next(calls, None) is None:
            raise StoppedError
        return cross_entropy(model, images, labels)

    kept = {"checkpoints": Folder(tmp_path), "checkpoint_every_s": 0}
    with pytest.raises(StoppedError):
        fit(classifier(loss=stops), batches(), epochs=3, seed=5, accelerator="gpu", **kept)
    torch.cuda.manual_seed(999)
    resumed = classifier()
    fit(resumed, batches(), epochs=3, seed=5, accelerator="gpu", **kept)
    for name, weights in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], weights, rtol=1e-3, atol=1e-4)


def test_the_random_state_of_the_gpu_comes_back():
    state = random_state()
    first = torch.rand(5, device="cuda")
    restore_random_state(state)
    assert torch.equal(torch.rand(5, device="cuda"), first)


def test_batches_are_in_memory_from_which_a_gpu_copies_by_itself():
    assert all(part.is_pinned() for part in next(iter(Batches(*data(), batch_size=8, seed=0))))


def test_answers_in_mixed_precision_are_near_those_in_full():
    model = network().eval()
    images, _ = data(200)
    with torch.inference_mode():
        expected = model(images)
        model.cuda()
        with mixed_precision(torch.device("cuda")):
            answers = model(images.cuda())
    assert answers.dtype != torch.float32
    assert float((answers.float().cpu() - expected).norm() / expected.norm()) < 1e-2


def errors(allowed):
    """Return how far a product and a convolution are from those in float64, of their size."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 256, 256, generator=generator)
    images = torch.randn(8, 32, 16, 16, generator=generator)
    kernels = torch.randn(32, 32, 3, 3, generator=generator)
    with tensor_float32(allowed):
        found = (a.cuda() @ b.cuda()).cpu(), torch.nn.functional.conv2d(images.cuda(), kernels.cuda()).cpu()
    exact = a.double() @ b.double(), torch.nn.functional.conv2d(images.double(), kernels.double())
    return [float((mine - right).norm() / right.norm()) for mine, right in zip(found, exact, strict=True)]


def test_float32_is_float32_unless_tf32_is_allowed():
    assert max(errors(allowed=False)) < 1e-6
    if torch.cuda.get_device_capability()[0] >= 8:
        assert errors(allowed=True)[0] > 1e-5  # cuDNN may compute a small convolution in full
