"""MAE: the loss against a loop over patches in float64; what the encoder sees, and what it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
import torch
from harness_timm import Config, MAEConfig
from harness_timm.backbone import backbone
from harness_timm.mae import MAE
from torch import Tensor, nn

from harness import Augmentation, Data, Images, ImageShape, Split, UsageError

SMALL: dict[str, Any] = {"decoder_dim": 8, "decoder_heads": 2, "decoder_depth": 1}


@pytest.fixture(scope="module")
def pictures() -> Data:
    """24 pictures of 3 x 8 x 12 pixels: with patches of 4, a grid of 2 x 3."""
    images = torch.randint(256, (24, 3, 8, 12), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Data.of({"train": Split(images)}, Images.of(images, Augmentation(jitter=0.5)), torch.device("cpu"))


def made(data: Data, model: str = "test_vit", **options: Any) -> MAE:
    torch.manual_seed(0)
    network = backbone(Config(model=model, patch_size=4), ImageShape(3, 8, 12))
    return MAE(network, MAEConfig(**{**SMALL, "masked": 0.5, **options}), data).double()


def images(number: int = 5) -> Tensor:
    return torch.randn(number, 3, 8, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def patch(picture: Tensor, place: int) -> Tensor:
    """Of the grid of 2 x 3, row by row."""
    row, column = divmod(place, 3)
    return picture[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("model", ["test_vit", "vit_tiny_patch16_224"])
def test_the_loss_is_that_of_a_loop_over_masked_patches(pictures: Data, model: str, normalised: bool) -> None:
    """One picture at a time; its tokens are made by timm's own layers, one after the other."""
    mae, given = made(pictures, model, normalised=normalised).eval(), images(3)
    vit: Any = mae.backbone
    torch.manual_seed(7)
    with mock.patch.object(Tensor, "float", Tensor.double):
        loss = mae.loss(given[None])
    torch.manual_seed(7)
    noise = torch.rand(3, 6)
    errors = []
    for picture, drawn in zip(given, noise, strict=True):
        order = sorted(range(6), key=lambda place: float(drawn[place]))
        seen = order[:3]
        flat = [vit.patch_embed.proj.weight.flatten(1) @ patch(picture, place).flatten() for place in range(6)]
        embedded = [each + vit.patch_embed.proj.bias for each in flat]
        tokens = [vit.cls_token[0, 0] + vit.pos_embed[0, 0]]
        tokens += [embedded[place] + vit.pos_embed[0, 1 + place] for place in seen]
        encoded = vit.norm(vit.blocks(torch.stack(tokens)[None]))[0]
        narrow = mae.narrow(encoded)
        row = [narrow[0]]
        for place in range(6):
            token = narrow[1 + seen.index(place)] if place in seen else mae.mask
            row.append(token + mae.places[place])
        predicted = mae.decoder(torch.stack(row)[None])[0]
        for place in order[3:]:
            target = patch(picture, place).flatten()
            if normalised:
                target = (target - target.mean()) / (target.var() + 1e-6).sqrt()
            errors.append((predicted[1 + place] - target).square().mean())
    torch.testing.assert_close(loss, torch.stack(errors).mean(), rtol=1e-8, atol=0)


def test_masked_pixels_reach_the_loss_as_targets_alone(pictures: Data) -> None:
    """The gradient of the prediction with respect to a masked patch is zero, and that to a visible one is not."""
    mae, given = made(pictures).train(), images(2).requires_grad_()
    torch.manual_seed(3)
    with mock.patch.object(mae, "targets", lambda each: torch.zeros(len(each), 6, 48, dtype=torch.float64)):
        mae.loss(given[None]).backward()
    torch.manual_seed(3)
    seen = torch.rand(2, 6).argsort(1)[:, :3].tolist()
    assert given.grad is not None
    for slopes, shown in zip(given.grad, seen, strict=True):
        assert [bool(patch(slopes, place).any()) for place in range(6)] == [place in shown for place in range(6)]


def test_masks_differ_between_pictures_and_steps_and_have_one_size(pictures: Data) -> None:
    mae, masks = made(pictures, masked=0.75).train(), []
    inner = mae.shown.only
    with mock.patch.object(mae.shown, "only", lambda seen: masks.append(seen) or inner(seen)):
        for seed in (0, 1, 0):
            torch.manual_seed(seed)
            mae.loss(images(16)[None])
    assert [each.shape for each in masks] == [(16, 1)] * 3  # of 6 patches
    assert len(masks[0].unique()) > 1
    assert not torch.equal(masks[0], masks[1])
    assert torch.equal(masks[0], masks[2])


def test_encode_sees_whole_pictures_after_a_loss_and_after_one_that_failed(pictures: Data) -> None:
    mae = made(pictures).eval()
    torch.manual_seed(0)
    alone = backbone(Config(model="test_vit", patch_size=4), ImageShape(3, 8, 12)).double().eval()
    mae.loss(images()[None])
    with pytest.raises(RuntimeError, match="on the way"), mae.shown.only(torch.zeros(5, 1, dtype=torch.int64)):
        raise RuntimeError("on the way")
    torch.testing.assert_close(mae.encode(images()), alone(images()))
    assert mae.backbone.state_dict().keys() == alone.state_dict().keys()


def test_colours_are_left_alone_by_default(pictures: Data) -> None:
    mae = made(pictures)
    assert pictures.modality.augmented(mae.config.augment).augmentation.jitter == 0.0  # type: ignore[attr-defined]


@pytest.mark.parametrize("model", ["test_resnet", "vit_relpos_small_patch16_224"])
def test_other_networks_are_refused(pictures: Data, model: str) -> None:
    with pytest.raises(UsageError, match="mae masks patches of a plain vision transformer"):
        MAE(backbone(Config(model=model), ImageShape(3, 32, 32)), MAEConfig(), pictures)


def test_a_share_that_masks_all_patches_is_refused(pictures: Data) -> None:
    with pytest.raises(UsageError, match=r"of 6 patches, 0\.9 cannot be masked"):
        made(pictures, masked=0.9)


@pytest.mark.parametrize(
    "wrong", [{"masked": 1.0}, {"masked": 0.0}, {"decoder_depth": 0}, {"decoder_heads": 0}, {"decoder_dim": 10}]
)
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).partition("_")[0]):
        MAEConfig(**wrong)


def test_a_vision_transformer_may_take_other_sizes_and_patches() -> None:
    shape = ImageShape(3, 16, 16)
    config = Config(model="vit_tiny_patch16_224", patch_size=8)
    fixed, any_size = (backbone(each, shape).eval() for each in (config, replace(config, any_size=True)))
    any_size.load_state_dict(fixed.state_dict())
    torch.testing.assert_close(any_size(torch.ones(1, *shape)), fixed(torch.ones(1, *shape)))
    assert any_size(torch.ones(2, 3, 8, 8)).shape == (2, any_size.feature_dim)
    with pytest.raises(AssertionError, match="match model"):
        fixed(torch.ones(2, 3, 8, 8))
    with pytest.raises(ValueError, match="random weights"):
        Config(model="test_vit", patch_size=4, pretrained=True)


def test_a_network_without_patches_refuses_their_size() -> None:
    with pytest.raises(UsageError, match="patch_size"):
        backbone(Config(model="test_resnet", patch_size=4), ImageShape(3, 32, 32))


def test_shown_is_no_weight(pictures: Data) -> None:
    assert not list(made(pictures).shown.parameters())
    assert isinstance(made(pictures).shown, nn.Module)
