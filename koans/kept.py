"""What lesson 13 counts with: how many tensors graphs keep for their backward()."""

import weakref
from collections.abc import Callable
from typing import Self

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


class Kept(saved_tensors_hooks):
    """Counts the tensors that graphs keep: how many now, and the most at once.

        with Kept() as kept:
            loss = (p - target).pow(2)
        kept.now()      # 1: the graph of loss keeps p - target
        kept.most       # 1, also after loss.backward()

    A graph made inside calls keep(tensor) for each tensor that it keeps, and holds
    on to what that returns until it lets go.
    """

    def __init__(self) -> None:
        super().__init__(self.keep, lambda box: box())
        self.boxes: weakref.WeakSet[Callable[[], Tensor]] = weakref.WeakSet()
        self.most = 0

    def __enter__(self) -> Self:  # type: ignore[override]
        super().__enter__()
        return self

    def keep(self, tensor: Tensor) -> Callable[[], Tensor]:
        def box() -> Tensor:
            return tensor

        self.boxes.add(box)  # and it is gone from there when the graph lets go
        self.most = max(self.most, len(self.boxes))
        return box

    def now(self) -> int:
        return len(self.boxes)
