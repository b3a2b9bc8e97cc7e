"""What several devices have of a batch of one, where each has some of the classes."""

import torch

from harness import EpisodeBatch


def queries_by_part(batch: EpisodeBatch, ways: int, ranks: int) -> EpisodeBatch:
    """The queries of one device's classes after those of another's, otherwise in the order that they came in."""
    order = (batch.query_labels * ranks // ways).argsort(stable=True, dim=1)
    query = torch.stack([images[places] for images, places in zip(batch.query, order, strict=True)])
    return batch._replace(query=query, query_labels=batch.query_labels.gather(1, order))
