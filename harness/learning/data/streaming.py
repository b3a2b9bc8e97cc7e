"""Samples that do not fit in memory: threads read them from files, a few batches ahead."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.base.errors import UsageError

AHEAD = 2  # batches that are read while one is in use
TASK = 4  # samples that a thread reads at a time: one by one, the queue itself would cost the interpreter

Read = Callable[[int], NDArray[Any]]
ReadParts = Callable[[int, NDArray[np.int64]], NDArray[Any]]


class Streamed:
    """Samples that are read when they are indexed; used like a tensor (N, ...) on `device`.

    Args:
        read: Function from i to sample i, an array of `shape[1:]` and `dtype`. It is called in several threads, so it
            should release Python's lock while it works, as numpy and Pillow do. Its errors should name the file.
        shape: Shape of all samples (N, ...).
        device: Device that samples are moved to; the CPU by default.
        dtype: Type of the samples.

    Attributes:
        read_parts: For subclasses whose samples can be read in parts: function from i and parts, int64 (V, ...), to an
            array (V, ...).
    """

    read_parts: ReadParts | None = None  # of what a subclass says that parts are

    def __init__(
        self, read: Read, shape: tuple[int, ...], device: torch.device | None = None, dtype: torch.dtype = torch.uint8
    ) -> None:
        self.read = read
        self.shape = torch.Size(shape)
        self.device = device or torch.device("cpu")
        self.dtype = dtype
        self._pending: dict[bytes, _Reading] = {}

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def stored(self) -> tuple[int, ...]:
        """The shape of what `read` returns."""
        return self.shape[1:]

    def arranged(self, samples: Tensor) -> Tensor:
        """What was read, (n, *stored), as (n, *shape[1:])."""
        return samples

    def __len__(self) -> int:
        return self.shape[0]

    def to(self, device: torch.device) -> Self:
        return type(self)(self.read, self.shape, device, self.dtype)

    def part(self, places: Sequence[int]) -> Self:
        """Select samples.

        Args:
            places: Indices of the samples.

        Returns:
            Streamed samples at these indices.
        """
        read, shape = self.read, (len(places), *self.shape[1:])
        return type(self)(lambda number: read(places[number]), shape, self.device, self.dtype)

    def __getitem__(self, index: Tensor) -> Tensor:
        """Read samples, or wait for them if they were prefetched.

        Args:
            index: Indices, int64 of any shape. An index on the CPU avoids waiting for a GPU.

        Returns:
            The samples (*index.shape, ...), on `device`.

        Raises:
            TypeError: The index is not an int64 tensor.
        """
        return self._take(_Request(_places(index))).view(*index.shape, *self.shape[1:])

    def parts(self, index: Tensor, parts: Tensor) -> Tensor:
        """Read parts of samples.

        Args:
            index: Indices of the samples, int64 (n,).
            parts: V parts of each sample, int64 (n, V, ...), as `read_parts` takes them.

        Returns:
            The parts (n, V, ...), on `device`.

        Raises:
            TypeError: These samples cannot be read in parts.
        """
        return self._take(_Request(_places(index), _parts(parts))).view(*parts.shape[:2], *self.shape[1:])

    def prefetch(self, index: Tensor, parts: Tensor | None = None) -> None:
        """Start to read samples that will be asked for soon.

        If too many prefetched samples are never asked for, the oldest are dropped; whole samples and parts count
        separately, as do different numbers of parts of a sample.

        Args:
            index: Indices of the samples, int64.
            parts: Parts to read, as in `parts`; None for whole samples.
        """
        request = _Request(_places(index), None if parts is None else _parts(parts))
        if request.key in self._pending:
            return
        alike = [
            key for key, reading in self._pending.items() if reading.samples.shape == (*request.shape, *self.stored)
        ]
        for key in alike[: max(0, len(alike) - AHEAD)]:
            self._pending.pop(key).cancel()
        self._pending[request.key] = self._start(request)

    def _take(self, request: _Request) -> Tensor:
        reading = self._pending.pop(request.key, None) or self._start(request)
        samples = reading.wait().to(self.device, non_blocking=True)
        return self.arranged(samples.view(-1, *self.stored))

    def _start(self, request: _Request) -> _Reading:
        read: Callable[..., NDArray[Any]] | None = self.read if request.parts is None else self.read_parts
        if read is None:
            raise TypeError("no parts of these samples can be read.")
        pinned = self.device.type == "cuda"
        samples = torch.empty(*request.shape, *self.stored, dtype=self.dtype, pin_memory=pinned)
        out, given, tasks = samples.numpy(), request.arguments, range(0, len(request.places), TASK)
        return _Reading(
            samples,
            [self._pool.submit(_fill, out[at : at + TASK], read, given[at : at + TASK]) for at in tasks],
        )

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        # made when first used: by then a job knows how many threads it has
        pool = ThreadPoolExecutor(max(1, torch.get_num_threads()), thread_name_prefix="harness-read")
        weakref.finalize(self, pool.shutdown, wait=False, cancel_futures=True)
        return pool


class StreamedImages(Streamed):
    """Streamed pictures (N, C, H, W), uint8.

    If the files hold larger pictures than `shape`, random crops can be read from the original ones by `read_parts`.

    Args:
        read: Function from i to picture i, uint8 (H, W, C).
        shape: Shape of all pictures (N, C, H, W).
        device: Device that pictures are moved to; the CPU by default.
        dtype: Type of the pixels.
        read_parts: Function from i and boxes, int64 (V, 4) with top, left, height and width in pixels of the file, to
            the crops, each resized, (V, H, W, C).
        sizes: Height and width of each picture in its file, int64 (N, 2).
    """

    def __init__(
        self,
        read: Read,
        shape: tuple[int, ...],
        device: torch.device | None = None,
        dtype: torch.dtype = torch.uint8,
        *,
        read_parts: ReadParts | None = None,
        sizes: Tensor | None = None,
    ) -> None:
        super().__init__(read, shape, device, dtype)
        self.read_parts = read_parts
        self.sizes = sizes

    def to(self, device: torch.device) -> Self:
        return type(self)(self.read, self.shape, device, self.dtype, read_parts=self.read_parts, sizes=self.sizes)

    @property
    def stored(self) -> tuple[int, ...]:
        _, channels, height, width = self.shape
        return height, width, channels

    def arranged(self, samples: Tensor) -> Tensor:
        return samples.permute(0, 3, 1, 2).contiguous()


Samples = Tensor | Streamed | Sequence[str]
"""The samples of a split: a tensor (N, ...), `Streamed` samples, or texts, which a backbone tokenizes."""


def on(samples: Samples) -> torch.device:
    """The device that an index of these samples should be on; the CPU for streamed samples."""
    return samples.device if isinstance(samples, Tensor) else torch.device("cpu")


def read_ahead(samples: Samples, indices: Iterable[Tensor]) -> None:
    """Start to read the samples at `indices`, the most urgent first, if the samples are streamed."""
    if isinstance(samples, Streamed):
        for index in indices:
            samples.prefetch(index)


def at(samples: Samples, index: Tensor) -> Tensor:
    """The samples at `index`, int64 of any shape. Raises UsageError for texts that were not tokenized."""
    if isinstance(samples, Tensor):  # on a CPU, samples[index] takes 25 times as long for bytes: an element at a time
        return samples.index_select(0, index.flatten().to(samples.device)).view(*index.shape, *samples.shape[1:])
    if isinstance(samples, Streamed):
        return samples[index]
    raise UsageError("the samples are texts, but this backbone has no `tokenize` to convert them to tokens.")


def read_batches(samples: Samples, indices: Sequence[Tensor]) -> Iterator[Tensor]:
    """The samples at each of `indices` in turn; the next ones are read meanwhile."""
    for number, index in enumerate(indices):
        read_ahead(samples, indices[number : number + 1 + AHEAD])
        yield at(samples, index)


class _Request(NamedTuple):
    """Samples at `places` (n,), whole or in `parts` (n, V, ...)."""

    places: NDArray[np.int64]
    parts: NDArray[np.int64] | None = None

    @property
    def key(self) -> bytes:
        return self.places.tobytes() + (b"" if self.parts is None else b"parts" + self.parts.tobytes())

    @property
    def shape(self) -> tuple[int, ...]:
        return self.places.shape if self.parts is None else self.parts.shape[:2]

    @property
    def arguments(self) -> list[tuple[Any, ...]]:
        """The arguments of each call of `read` or `read_parts`."""
        places = self.places.tolist()
        return [(place,) for place in places] if self.parts is None else list(zip(places, self.parts, strict=True))


class _Reading(NamedTuple):
    """Samples (n, ...) that threads are reading."""

    samples: Tensor
    tasks: list[Future[None]]

    def wait(self) -> Tensor:
        try:
            for task in self.tasks:
                task.result()
        except BaseException:
            self.cancel()
            raise
        return self.samples

    def cancel(self) -> None:
        for task in self.tasks:
            task.cancel()


def _places(index: Tensor) -> NDArray[np.int64]:
    if not isinstance(index, Tensor) or index.dtype != torch.int64:
        raise TypeError("streamed samples are indexed by int64 tensors.")
    return index.detach().cpu().flatten().numpy()


def _parts(parts: Tensor) -> NDArray[np.int64]:
    if parts.dtype != torch.int64:
        raise TypeError("parts of streamed samples are int64 tensors.")
    return parts.detach().cpu().numpy()


def _fill(out: NDArray[Any], read: Callable[..., NDArray[Any]], given: Sequence[tuple[Any, ...]]) -> None:
    for sample, arguments in zip(out, given, strict=True):
        sample[...] = read(*arguments)
