"""For the few koans that not every torch can run: the skip, and its reason."""

import pytest
import torch


def needs_torch(release: str) -> pytest.MarkDecorator:
    """A mark that skips a koan on a torch older than release, such as "2.6"."""
    wanted = tuple(int(part) for part in release.split("."))
    here = tuple(int(part) for part in torch.__version__.split(".")[:2])
    return pytest.mark.skipif(
        here < wanted,
        reason=f"needs torch {release} or newer; this is torch {torch.__version__}",
    )
