"""The data set `mixture`: it combines several data sets of pictures, its domains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import torch
from harness_datasets.arrays import recommended
from torch import Tensor

from harness import Data, ImageDataset, Images, ImageShape, Modality, Split, Streamed, UsageError
from harness_domains import MixtureConfig

SPLITS = ("train", "test", "validation", "novel")
CHUNK = 1024  # pictures that are converted at a time


@dataclass(frozen=True, eq=False)
class MixedImages(Images):
    """Pictures of several domains.

    Attributes:
        moments: Whose mean and deviation normalise them: "pooled", or "domain" for those of their own domain.
    """

    moments: str = "pooled"

    @property
    def note(self) -> str:  # type: ignore[override]  # as that of Images
        said = "moments of each domain" if self.moments == "domain" else "moments pooled over domains"
        return ", ".join(filter(None, (said, super().note)))


class Mixture(ImageDataset):
    """A split has the samples of that split of every domain; there are the splits that all domains have.

    Pictures have one size and as many channels. Class names begin with the domain's. The column `domain` tells the
    domain of a sample.
    """

    config: MixtureConfig

    def load(self) -> Mapping[str, Split]:
        for name, part in self.parts.items():
            require_labelled_in_memory(name, part)
        shape, domains = self.shape(), tuple(self.parts)
        names = [name for name in SPLITS if all(name in part.splits for part in self.parts.values())]
        pictures = {domain: {name: resized(part, name, shape) for name in names} for domain, part in self.parts.items()}
        if self.config.moments == "domain":
            pictures = evened(pictures)
        splits = {name: self.joined(name, [pictures[domain][name] for domain in domains]) for name in names}
        left_out = {name for part in self.parts.values() for name in part.splits} - set(names)
        self.notes = (f"domains {', '.join(domains)}",)
        if left_out:
            self.notes += (f"not every domain has the split {', '.join(sorted(left_out))}",)
        self.augmentation = self.config.augmentation.over(recommended(splits))
        return splits

    def modality(self, splits: Mapping[str, Split]) -> Modality:
        plain = cast(Images, super().modality(splits))
        return MixedImages(plain.shape, plain.augmentation, plain.mean, plain.std, moments=self.config.moments)

    def shape(self) -> ImageShape:
        """The shape that all pictures get."""
        shapes: list[ImageShape] = [part.modality.shape for part in self.parts.values()]
        size = self.config.size or max(max(shape.height, shape.width) for shape in shapes)
        return ImageShape(self.config.channels or max(shape.channels for shape in shapes), size, size)

    def joined(self, name: str, pictures: list[Tensor]) -> Split:
        """The split `name` of all domains, one after the other."""
        parts = {domain: part.split(name) for domain, part in self.parts.items()}
        classes = [f"{domain}/{each}" for domain, part in parts.items() for each in part.classes]
        first, labels = 0, []
        for part in parts.values():
            labels.append(part.labels + first)
            first += len(part.classes)
        lengths = torch.tensor([len(part) for part in parts.values()])
        domain = torch.arange(len(parts)).repeat_interleave(lengths)
        return Split(torch.cat(pictures), torch.cat(labels), classes, {"domain": domain}, {"domain": tuple(parts)})


def require_labelled_in_memory(name: str, part: Data) -> None:
    """Raises UsageError for a domain whose pictures have no labels, or are read from files as needed."""
    for split in part.splits.values():
        if isinstance(split.samples, Streamed):
            raise UsageError(
                f"{name}: its pictures do not fit in memory: give it a larger memory_gb or a smaller size."
            )
        if not split.labelled:
            raise UsageError(f"{name}: its pictures need one label each.")


def resized(part: Data, name: str, shape: ImageShape) -> Tensor:
    """The pictures of a split in another shape, as an encoder of that shape would be given them: uint8 (N, *shape)."""
    own, samples = cast(Images, part.modality), cast(Tensor, part.split(name).samples)
    if own.shape == shape:
        return samples
    fitted = cast(Images, replace(own, shape=shape).fitted(own))
    return torch.cat([(255 * fitted.pixels(each)).round().to(torch.uint8) for each in samples.split(CHUNK)])


def evened(pictures: Mapping[str, Mapping[str, Tensor]]) -> dict[str, dict[str, Tensor]]:
    """Pictures of each domain, of which any split has one mean and one deviation in `train`, the same in all domains.

    z = (x - mean) / std, with the domain's own moments for each channel, is stored as uint8 by one map for all domains,
    in which the least and the greatest value that a pixel can have are 0 and 255. So nothing is cut off; values are
    rounded to 1/255 of that range. Normalisation by the pooled moments then gives z but for the rounding.
    """
    found = {domain: moments(own["train"]) for domain, own in pictures.items()}
    least = min(float((-mean / std).min()) for mean, std in found.values())
    greatest = max(float(((255 - mean) / std).max()) for mean, std in found.values())

    def even(samples: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        z = (samples.float() - mean) / std
        return ((z - least) * (255 / (greatest - least))).round().to(torch.uint8)

    return {
        domain: {
            name: torch.cat([even(each, *found[domain]) for each in samples.split(CHUNK)])
            for name, samples in own.items()
        }
        for domain, own in pictures.items()
    }


def moments(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel (C, 1, 1) of uint8 (N, C, H, W), in grey levels."""
    values = pictures.double().transpose(0, 1).flatten(1)
    std = values.std(1, correction=0).clamp_min(1.0)
    return values.mean(1)[:, None, None].float(), std[:, None, None].float()
