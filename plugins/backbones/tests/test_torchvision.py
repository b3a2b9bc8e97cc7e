"""torchvision's models: headless, with published weights out of torch's own cache, prepared as their authors did."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from harness_backbones import TorchvisionConfig
from harness_backbones.zoo import backbone
from torchvision import models

from harness import ImageShape, UsageError
from harness.testing import check_backbone

SMALL = "shufflenet_v2_x0_5"
FILE = "shufflenetv2_x0.5-f707e7126e.pth"
SHAPE = ImageShape(3, 32, 32)
CONFIG = TorchvisionConfig(model=SMALL, pretrained="IMAGENET1K_V1")


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch keeps the file; nothing can be fetched."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "hub" / "checkpoints" / FILE


def test_it_conforms() -> None:
    check_backbone("torchvision", model=SMALL)


@pytest.mark.parametrize(
    ("model", "width"),
    [("squeezenet1_1", 512), ("mobilenet_v3_small", 1024), ("densenet121", 1024), ("regnet_y_400mf", 440)],
)
def test_the_classifier_is_left_out(model: str, width: int) -> None:
    network = backbone(TorchvisionConfig(model=model), ImageShape(3, 64, 64)).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 64, 64)).shape == (2, network.feature_dim) == (2, width)


def test_published_weights_are_those_of_the_cache(cached: Path) -> None:
    torch.manual_seed(3)
    theirs: Any = models.get_model(SMALL)
    torch.save(theirs.state_dict(), cached)
    network: Any = backbone(CONFIG, SHAPE).eval()
    theirs.fc = torch.nn.Identity()
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(network(images), theirs.eval()(images))
    preset = models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1.transforms()
    told = network.preprocessing
    assert (told.shape, told.mean, told.std) == ((3, 224, 224), tuple(preset.mean), tuple(preset.std))
    assert told.interpolation == preset.interpolation.value
    said = network.started_from
    assert (said["file"], said["digest"]) == (FILE, hashlib.sha256(cached.read_bytes()).hexdigest())
    [note] = said["notes"]  # the name promises another content
    assert "is not the file that torchvision publishes" in note
    assert note.endswith("not with f707e7126e")


def test_a_file_that_is_not_there_is_named_with_its_place(cached: Path) -> None:
    with pytest.raises(
        UsageError, match=r"there is no file .*, and it cannot be fetched \(.*\): get it from"
    ) as caught:
        backbone(CONFIG, SHAPE)
    assert f"no file {FILE} in {cached.parent}," in str(caught.value)
    assert f"https://download.pytorch.org/models/{FILE}" in str(caught.value)


class Exploit:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("exploited",))


@pytest.mark.parametrize("content", [{"a": Exploit()}, {"conv1.0.weight": torch.zeros(3)}])
def test_a_file_of_something_else_is_refused_and_not_run(content: Any, cached: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(cached.parent)
    torch.save(content, cached)
    with pytest.raises(UsageError, match=f"{FILE} cannot be used: "):
        backbone(CONFIG, SHAPE)
    assert not Path("exploited").exists()


@pytest.mark.parametrize(
    ("options", "shape", "says"),
    [
        ({"model": "resnet19"}, SHAPE, "no classification model 'resnet19'. Did you mean 'resnet18'"),
        ({"model": "resnet50", "pretrained": "IMAGENET1K_V3"}, SHAPE, "no weights 'IMAGENET1K_V3' of 'resnet50'. Did"),
        ({"model": "resnet50", "pretrained": "DEFAULT"}, SHAPE, "write 'pretrained: IMAGENET1K_V2'"),
        ({"model": "resnet18"}, ImageShape(1, 28, 28), "takes 3 channels, and these are images of 1x28x28"),
        ({"model": "alexnet"}, ImageShape(3, 8, 8), "'alexnet' cannot take images of 3x8x8"),
    ],
)
def test_what_cannot_be_is_one_message(options: dict[str, Any], shape: ImageShape, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        backbone(TorchvisionConfig(**options), shape)
    assert says in str(caught.value)
