"""These tests need a GPU that torch can use by CUDA; `make test-gpu` runs them alone."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def _a_gpu():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch finds no GPU that it can use by CUDA")
