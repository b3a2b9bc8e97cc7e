"""kornia's augmentations, batched, with parameters of each image's own."""

from __future__ import annotations

import kornia.augmentation as K
import pictures
import torch
from worker import Options, Work, serve


def augmentation(options: Options) -> Work:
    images = pictures.photos(options["images"]).to(options["device"])
    transform = torch.nn.Sequential(
        K.RandomResizedCrop((32, 32), scale=(0.08, 1.0), cropping_mode="resample"),  # the quicker mode
        K.RandomHorizontalFlip(p=0.5),
        K.ColorJiggle(0.4, 0.4, 0.4, 0.1, p=0.8),
        K.RandomGrayscale(p=0.2),
    )

    @torch.no_grad()
    def run() -> int:
        for batch in images.split(256):
            transform(batch.float() / 255)
        return len(images)

    return Work(run)


if __name__ == "__main__":
    serve({"augmentation": augmentation}, ["kornia"])
