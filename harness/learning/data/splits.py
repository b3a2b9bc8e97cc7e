"""Splits of a data set, and the loaded data set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from harness.base.errors import UsageError
from harness.base.wording import quantity
from harness.learning.data.modality import Modality
from harness.learning.data.streaming import Samples, Streamed

Tokenize = Callable[[Sequence[str]], Tensor]
LEAST = 10  # samples of a class that a share keeps, if it has so many: probes hold some out


class ByClass(list[Tensor]):
    """The sample indices of each class; they do not change."""

    def table(self, least: int) -> tuple[Tensor, Tensor]:
        """The classes with at least `least` samples: their sample indices, padded (classes, most), and counts
        (classes,).

        The table is cached, so that it is not made for every batch of episodes.
        """
        tables: dict[int, tuple[Tensor, Tensor]] = self.__dict__.setdefault("tables", {})
        if least not in tables:
            usable = [members for members in self if len(members) >= least]
            sizes = torch.tensor([len(members) for members in usable])
            tables[least] = pad_sequence(usable, batch_first=True), sizes
        return tables[least]


class Split:
    """A split of a data set: N samples with their labels and further columns.

    Args:
        samples: A tensor (N, ...), `Streamed` samples that are read when they are indexed, or a sequence of texts.
        labels: Indices into `classes`, int64 (N,); None if the samples have no labels.
        classes: Names of the classes.
        columns: Further tensors (N, ...) by name, such as a domain, a score or boxes.
        values: For columns of categories, int64 (N,), the name of each category: the column indexes into them.

    Raises:
        UsageError: Shapes, types or labels do not fit together.
    """

    def __init__(
        self,
        samples: Samples,
        labels: Tensor | None = None,
        classes: Sequence[str] = (),
        columns: Mapping[str, Tensor] | None = None,
        values: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.samples = samples
        self.classes = tuple(classes)
        self.columns = dict(columns or {})
        self.values = {name: tuple(names) for name, names in (values or {}).items()}
        self._labels = labels
        self._groups: dict[str, dict[str, ByClass]] = {}
        if not len(samples):
            raise UsageError("a split has no samples.")
        if labels is not None:
            self._check_labels(labels)
        for name, column in self.columns.items():
            if not isinstance(column, Tensor) or len(column) != len(samples):
                raise UsageError(
                    f"the column '{name}' must be a tensor of {quantity(len(samples), 'row')}, one for each sample."
                )
        for name, names in self.values.items():
            _check_category(name, self.column(name), names)

    def _check_labels(self, labels: Tensor) -> None:
        if labels.dtype != torch.int64 or labels.shape != (len(self),):
            raise UsageError(f"labels must be int64 ({len(self)},), not {labels.dtype} {tuple(labels.shape)}.")
        least, greatest = int(labels.min()), int(labels.max())
        if least < 0 or greatest >= len(self.classes):
            raise UsageError(f"labels must be in 0 .. {len(self.classes) - 1}, not {least} .. {greatest}.")

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labelled(self) -> bool:
        return self._labels is not None

    @property
    def labels(self) -> Tensor:
        """Classes of the samples, int64 (N,). Raises UsageError if there are none."""
        if self._labels is None:
            raise UsageError("the split has no labels, but they are needed here.")
        return self._labels

    @cached_property
    def by_class(self) -> ByClass:
        """Indices of the samples of each class, ascending, on the CPU, where episodes are drawn."""
        labels = self.labels.cpu()
        order = torch.argsort(labels, stable=True)
        return ByClass(order.split(torch.bincount(labels, minlength=len(self.classes)).tolist()))

    def groups(self, name: str) -> Mapping[str, ByClass]:
        """Divide the classes by a column of categories, such as a domain.

        Args:
            name: Name of the column.

        Returns:
            For each category that has samples, by its name, the indices of its samples by class, on the CPU. A class
            with samples of several categories is divided.

        Raises:
            UsageError: There are no labels, there is no such column, or its categories have no names.
        """
        column = self.column(name)
        if name not in self.values:
            raise UsageError(f"the values of the column '{name}' have no names, so they divide no classes.")
        if name not in self._groups:
            own = column.cpu()
            divided = {
                value: ByClass(part for members in self.by_class if len(part := members[own[members] == number]))
                for number, value in enumerate(self.values[name])
            }
            self._groups[name] = {value: classes for value, classes in divided.items() if classes}
        return self._groups[name]

    def column(self, name: str) -> Tensor:
        """Return a column. A training that takes one of another kind than categories is recorded as one on labels.

        Args:
            name: Name of the column.

        Returns:
            The column (N, ...).

        Raises:
            UsageError: There is no such column.
        """
        if name not in self.columns:
            raise UsageError(f"the split has no column '{name}'; it has {', '.join(self.columns) or 'none'}.")
        return self.columns[name]

    def with_samples(self, samples: Samples) -> Split:
        """Replace the samples and keep labels and columns.

        Args:
            samples: As many samples, in the same order.

        Returns:
            The new split.
        """
        return Split(samples, self._labels, self.classes, self.columns, self.values)

    def share(self, share: float) -> Split:
        """Select a fraction of the samples, the same ones each time, stratified by class.

        Args:
            share: Fraction of the samples of each class. At least 10 samples of a class are kept, or all if it has
                fewer.

        Returns:
            A split of the selected samples, in their order.
        """
        groups = self.by_class if self.labelled else [torch.arange(len(self))]
        draw = torch.Generator().manual_seed(0)
        kept = [
            members[torch.randperm(len(members), generator=draw)[: max(LEAST, math.ceil(share * len(members)))]]
            for members in groups
        ]
        return self._part(torch.cat(kept).sort().values)

    def _part(self, index: Tensor) -> Split:
        """The samples at `index` (n,), which is on the CPU."""
        if isinstance(self.samples, Tensor):
            samples: Samples = self.samples[index.to(self.samples.device)]
        elif isinstance(self.samples, Streamed):
            samples = self.samples.part(index.tolist())
        else:
            samples = [self.samples[number] for number in index.tolist()]
        labels = None if self._labels is None else self._labels[index.to(self._labels.device)]
        columns = {name: column[index.to(column.device)] for name, column in self.columns.items()}
        return Split(samples, labels, self.classes, columns, self.values)

    def to(self, device: torch.device) -> Split:
        samples = self.samples.to(device) if isinstance(self.samples, Tensor | Streamed) else self.samples
        labels = None if self._labels is None else self._labels.to(device)
        columns = {name: column.to(device) for name, column in self.columns.items()}
        return Split(samples, labels, self.classes, columns, self.values)


def _check_category(name: str, column: Tensor, names: Sequence[str]) -> None:
    if column.dtype != torch.int64 or column.ndim != 1:
        raise UsageError(f"the column '{name}' has named values, so it must be int64 (N,), not {column.dtype}.")
    if int(column.min()) < 0 or int(column.max()) >= len(names):
        raise UsageError(f"the column '{name}' must be in 0 .. {len(names) - 1}: it has {len(names)} names.")


class WatchedSplit(Split):
    """A split that records whether its labels were used, or a column that says what samples show, such as pairs of one
    meaning. A column of categories, such as a domain, says where a sample is from and does not count."""

    def __init__(self, split: Split) -> None:
        super().__init__(split.samples, split._labels, split.classes, split.columns, split.values)
        self.asked = False

    @property
    def labels(self) -> Tensor:
        self.asked = True
        return super().labels

    def column(self, name: str) -> Tensor:
        if name not in self.values:
            self.asked = True
        return super().column(name)


def require_classes(split: Split, name: str) -> None:
    """Check that a split has at least two classes; with one, every accuracy is 100 %.

    Args:
        split: The split.
        name: Its name, for the message.

    Raises:
        UsageError: The split has no labels, or only one class.
    """
    if not split.labelled:
        raise UsageError(f"the split '{name}' has no labels, but they are needed here.")
    if len(split.classes) < 2:
        raise UsageError(f"the split '{name}' has one class only, {split.classes[0]!r}; at least two are needed.")


@dataclass(frozen=True)
class Data:
    """A loaded data set.

    "train" and "test" hold the same classes and share no sample. "validation" and "novel", if they exist, hold further
    classes, each in one split only.

    Attributes:
        splits: Splits by name.
        modality: What the samples are.
        device: The device of all splits.
        notes: What loading did that a user should see.
    """

    splits: Mapping[str, Split]
    modality: Modality
    device: torch.device
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, splits: Mapping[str, Split], modality: Modality, device: torch.device, notes: tuple[str, ...] = ()
    ) -> Data:
        """Check splits and move them to a device.

        Args:
            splits: Splits by name.
            modality: What the samples are.
            device: The device to move to.
            notes: What loading did that a user should see.

        Returns:
            The data set.

        Raises:
            UsageError: The samples of a split are not of the modality.
        """
        for name, split in splits.items():
            try:
                modality.check(split.samples)
            except UsageError as error:
                raise UsageError(f"the split '{name}': {error}") from error
        moved = {name: split.to(device) for name, split in splits.items()}
        return cls(moved, modality.to(device), device, notes)

    def split(self, name: str) -> Split:
        """Return a split.

        Args:
            name: Name of the split.

        Returns:
            The split.

        Raises:
            UsageError: There is no such split.
        """
        if name not in self.splits:
            raise UsageError(f"the data set has no split '{name}'; it has {', '.join(self.splits)}.")
        return self.splits[name]

    @property
    def train(self) -> Split:
        return self.splits["train"]

    def share(self, share: float) -> Data:
        """Select a fraction of the samples of each split (`Split.share`).

        Args:
            share: Fraction of the samples of each class.

        Returns:
            The data set with the selected samples.
        """
        return replace(self, splits={name: split.share(share) for name, split in self.splits.items()})

    def inputs(self, samples: Tensor) -> Tensor:
        """Convert samples of a split to inputs of a network.

        Args:
            samples: Samples (..., *sample).

        Returns:
            Inputs, as the modality prepares them.
        """
        return self.modality.inputs(samples)

    def tokenized(self, tokenize: Tokenize) -> Data:
        """Replace texts by their tokens.

        Args:
            tokenize: A backbone's function from texts to tokens, int64 (N, L).

        Returns:
            The data set whose samples are tokens, on the device.
        """
        tokens = {
            name: split.with_samples(tokenize(split.samples).to(self.device))
            for name, split in self.splits.items()
            if not isinstance(split.samples, Tensor | Streamed)
        }
        return replace(self, splits={**self.splits, **tokens})


def require_train(splits: Mapping[str, Split]) -> Split:
    """The training split. Raises UsageError if there is none."""
    if "train" not in splits:
        raise UsageError(f"a data set needs a split 'train'; this one has {', '.join(splits) or 'none'}.")
    return splits["train"]
