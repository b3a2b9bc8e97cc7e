"""Images that do not fit in memory: read by threads when they are asked for, or a little before."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

AHEAD = 2  # batches that are read while one is in use
TASK = 4  # pictures that a thread reads at a time: one by one, the queue itself would cost the interpreter

Read = Callable[[int], NDArray[np.uint8]]


class Streamed:
    """Stands for a uint8 tensor (N, C, H, W) on `device`, of which only what is indexed is ever read.

    `read(i)` gives image i, uint8 (H, W, C), and names the file in what it raises. It is called in as many threads as
    torch has in this process, so it should spend its time where the interpreter is free, as Pillow does. They stop when
    nothing refers to these images any more.
    """

    dtype = torch.uint8
    ndim = 4

    def __init__(self, read: Read, shape: tuple[int, int, int, int], device: torch.device | None = None) -> None:
        self.read = read
        self.shape = torch.Size(shape)
        self.device = device or torch.device("cpu")
        self._pending: dict[bytes, _Reading] = {}

    def __len__(self) -> int:
        return self.shape[0]

    def to(self, device: torch.device) -> Streamed:
        number, channels, height, width = self.shape
        return Streamed(self.read, (number, channels, height, width), device)

    def __getitem__(self, index: Tensor) -> Tensor:
        """The images at `index`, int64 of any shape: uint8 (*index.shape, C, H, W), as a tensor would give them.

        An index on the CPU spares the device a wait. Raises TypeError for another kind of index, and whatever `read`
        raises.
        """
        places = _places(index)
        reading = self._pending.pop(places.tobytes(), None) or self._start(places)
        images = reading.wait().to(self.device, non_blocking=True)
        return images.permute(0, 3, 1, 2).contiguous().view(*index.shape, *self.shape[1:])

    def prefetch(self, index: Tensor) -> None:
        """Begin to read what `index` will soon be asked for. Of what nobody asks for, the oldest is forgotten."""
        places = _places(index)
        key = places.tobytes()
        if key in self._pending:
            return
        while len(self._pending) > AHEAD:
            self._pending.pop(next(iter(self._pending))).cancel()
        self._pending[key] = self._start(places)

    def _start(self, places: NDArray[np.int64]) -> _Reading:
        _, channels, height, width = self.shape
        pinned = self.device.type == "cuda"
        images = torch.empty(len(places), height, width, channels, dtype=torch.uint8, pin_memory=pinned)
        out, tasks = images.numpy(), range(0, len(places), TASK)
        return _Reading(
            images,
            [self._pool.submit(_fill, out[at : at + TASK], self.read, places[at : at + TASK].tolist()) for at in tasks],
        )

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        # made when first used: by then a job knows how many threads it has
        pool = ThreadPoolExecutor(max(1, torch.get_num_threads()), thread_name_prefix="harness-read")
        weakref.finalize(self, pool.shutdown, wait=False, cancel_futures=True)
        return pool


Images = Tensor | Streamed


def read_ahead(images: Images, indices: Iterable[Tensor]) -> None:
    """Begin to read what `indices` will ask for, the most urgent first, if these images are read at all."""
    if isinstance(images, Streamed):
        for index in indices:
            images.prefetch(index)


def picked(images: Images, indices: Sequence[Tensor]) -> Iterator[Tensor]:
    """The images at each of `indices` in turn; the next ones are read meanwhile."""
    for number, index in enumerate(indices):
        read_ahead(images, indices[number : number + 1 + AHEAD])
        yield images[index]


class _Reading(NamedTuple):
    """Images (N, H, W, C) that threads are filling."""

    images: Tensor
    tasks: list[Future[None]]

    def wait(self) -> Tensor:
        try:
            for task in self.tasks:
                task.result()
        except BaseException:
            self.cancel()
            raise
        return self.images

    def cancel(self) -> None:
        for task in self.tasks:
            task.cancel()


def _places(index: Tensor) -> NDArray[np.int64]:
    if not isinstance(index, Tensor) or index.dtype != torch.int64:
        raise TypeError("streamed images are indexed by int64 tensors.")
    return index.detach().cpu().flatten().numpy()


def _fill(out: NDArray[np.uint8], read: Read, places: list[int]) -> None:
    for image, place in zip(out, places, strict=True):
        image[:] = read(place)
