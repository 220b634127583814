"""The one helper that every lesson uses: reading a pixel's slate."""

from typing import Any

from torch import Tensor


def slate(p: Tensor) -> Any:
    """What is in p.grad: None, a number, or a list of numbers."""
    if p.grad is None:
        return None
    return p.grad.item() if p.grad.numel() == 1 else p.grad.tolist()
