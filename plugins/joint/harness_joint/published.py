"""Published results of these methods on CIFAR-10 with ResNet-18. There are none of LeJEPA."""

from __future__ import annotations

from harness_simclr.published import ALONG, BEST, LIGHTLY, SOLO, cifar10

from harness import Published

_TWO_CROPS = f"{BEST}, without small crops"


def _knn(*values: tuple[int, int, float], note: str = BEST) -> tuple[Published, ...]:
    """By epochs and batch size."""
    return tuple(cifar10("knn", *each, LIGHTLY, note) for each in values)


def _linear(value: float) -> tuple[Published, ...]:
    return (cifar10("linear", 1000, 256, value, SOLO, ALONG),)


BYOL = (*_knn((200, 128, 0.869), (200, 512, 0.868), (800, 512, 0.910)), *_linear(0.9258))
BARLOW_TWINS = (*_knn((200, 128, 0.842), (200, 512, 0.819), (800, 512, 0.859)), *_linear(0.9210))
VICREG = _linear(0.9207)
NNCLR = (*_knn((200, 128, 0.834), (200, 512, 0.815), (800, 512, 0.892)), *_linear(0.9188))
DCL = _knn((200, 128, 0.844), (200, 512, 0.840), (800, 512, 0.874))
DCLW = _knn((200, 128, 0.833), (200, 512, 0.824), (800, 512, 0.871))
SUPCON = _linear(0.9382)
SWAV = (*_knn((200, 128, 0.812), (200, 512, 0.842), (800, 512, 0.884), note=_TWO_CROPS), *_linear(0.8917))
DINO = (*_knn((200, 128, 0.840), (200, 512, 0.813), (800, 512, 0.848), note=_TWO_CROPS), *_linear(0.8952))
