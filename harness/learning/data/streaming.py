"""Samples that do not fit in memory: read by threads when they are asked for, or a little before."""

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
    """Stands for a tensor (N, ...) on `device`, of which only what is indexed is ever read.

    `read(i)` gives sample i, an array of `shape[1:]` and `dtype`, and names the file in what it raises. It is called in
    as many threads as torch has in this process, so it should spend its time where the interpreter is free, as numpy
    and Pillow do. They stop when nothing refers to these samples any more.
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
        """The shape of what `read` gives."""
        return self.shape[1:]

    def arranged(self, samples: Tensor) -> Tensor:
        """What was read, (n, *stored), as (n, *shape[1:])."""
        return samples

    def __len__(self) -> int:
        return self.shape[0]

    def to(self, device: torch.device) -> Self:
        return type(self)(self.read, self.shape, device, self.dtype)

    def part(self, places: Sequence[int]) -> Self:
        """The samples at these places, read like the others."""
        read, shape = self.read, (len(places), *self.shape[1:])
        return type(self)(lambda number: read(places[number]), shape, self.device, self.dtype)

    def __getitem__(self, index: Tensor) -> Tensor:
        """The samples at `index`, int64 of any shape: (*index.shape, ...), as a tensor would give them.

        An index on the CPU spares the device a wait. Raises TypeError for another kind of index, and whatever `read`
        raises.
        """
        return self._take(_Request(_places(index))).view(*index.shape, *self.shape[1:])

    def parts(self, index: Tensor, parts: Tensor) -> Tensor:
        """`parts` (n, V, ...) of the samples at `index` (n,), both int64, as `read_parts` gives them: (n, V, ...)."""
        return self._take(_Request(_places(index), _parts(parts))).view(*parts.shape[:2], *self.shape[1:])

    def prefetch(self, index: Tensor, parts: Tensor | None = None) -> None:
        """Begin to read what `index`, or `parts` of it, will soon be asked for. Of what nobody asks for, the oldest is
        forgotten: of whole samples and of parts apart, as a batch may have both."""
        request = _Request(_places(index), None if parts is None else _parts(parts))
        if request.key in self._pending:
            return
        alike = [key for key, reading in self._pending.items() if reading.whole == (parts is None)]
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
            request.parts is None,
        )

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        # made when first used: by then a job knows how many threads it has
        pool = ThreadPoolExecutor(max(1, torch.get_num_threads()), thread_name_prefix="harness-read")
        weakref.finalize(self, pool.shutdown, wait=False, cancel_futures=True)
        return pool


class StreamedImages(Streamed):
    """Images (N, C, H, W), uint8, of which `read(i)` gives number i as files have it: (H, W, C).

    Where the files hold more than that, random crops can be taken from all of it: `sizes` are the height and the width
    in the files, int64 (N, 2), and `read_parts(i, boxes)` gives the boxes (V, 4), top, left, height and width of each,
    as (V, H, W, C).
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
"""What a split holds: a tensor (N, ...), what is read when it is indexed, or texts, which a backbone tokenizes."""


def on(samples: Samples) -> torch.device:
    """Where an index of these samples should be: of those that are read, on the CPU."""
    return samples.device if isinstance(samples, Tensor) else torch.device("cpu")


def read_ahead(samples: Samples, indices: Iterable[Tensor]) -> None:
    """Begin to read what `indices` will ask for, the most urgent first, if these samples are read at all."""
    if isinstance(samples, Streamed):
        for index in indices:
            samples.prefetch(index)


def at(samples: Samples, index: Tensor) -> Tensor:
    """The samples at `index`, int64 of any shape. Raises UsageError for texts that no backbone has made tokens of."""
    if isinstance(samples, Tensor | Streamed):
        return samples[index]
    raise UsageError("samples are texts, and this backbone does not make numbers of them: it has no `tokenize`.")


def picked(samples: Samples, indices: Sequence[Tensor]) -> Iterator[Tensor]:
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
        """What is read is asked for by these, one after the other."""
        places = self.places.tolist()
        return [(place,) for place in places] if self.parts is None else list(zip(places, self.parts, strict=True))


class _Reading(NamedTuple):
    """Samples (n, ...) that threads are filling."""

    samples: Tensor
    tasks: list[Future[None]]
    whole: bool  # or parts of the samples

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
