"""What `knn` and `linear` ask of a pair of splits."""

from __future__ import annotations

from harness import Data, UsageError, require_classes


def require_same_classes(data: Data, reference: str, test: str) -> None:
    """Raises UsageError unless both splits exist, differ, and hold the same classes."""
    if reference == test:
        raise UsageError(f"reference and test are both '{test}': every sample would be its own neighbour.")
    require_classes(data.split(reference), reference)
    if data.split(reference).classes != data.split(test).classes:
        raise UsageError(f"the splits '{reference}' and '{test}' do not hold the same classes.")
