"""Files that a backbone cannot start from."""

from __future__ import annotations

import argparse
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.making import ONE, RUN, Exploit, data_suite, half, suite
from tests.faults.meeting import Fault
from tests.library_caches import of_hub, of_torch

Make = Callable[[Path], object]


def started(make: Make, weights: str = "mine.pth", base: str = ONE) -> Make:
    """The toy suite whose backbone starts from a file that `make` puts at mine.pth."""

    def prepare(folder: Path) -> None:
        suite("[flat]", f"[{{use: flat, weights: {weights}}}]", base)(folder)
        make(folder / "mine.pth")

    return prepare


def state(**others: Any) -> dict[str, Any]:
    """The weights of the backbone `flat` for pictures of 3x4x4."""
    import torch

    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(16, 48, generator=generator)
    return {"linear.weight": weight, "linear.bias": torch.zeros(16), **others}


def saved(value: Callable[[], Any], **options: Any) -> Make:
    def make(file: Path) -> None:
        import torch

        torch.save(value(), file, **options)

    return make


def raw(data: bytes) -> Make:
    return lambda file: file.write_bytes(data)


def whole() -> Any:
    from harness_toy import FlatConfig
    from harness_toy.parts import Flat

    return Flat(FlatConfig(), (3, 4, 4))


def short(make: Make) -> Make:
    def prepare(file: Path) -> None:
        make(file)
        half(file)

    return prepare


def safe(**others: Any) -> Make:
    def make(file: Path) -> None:
        from safetensors.torch import save_file

        save_file(state(**others), file)

    return make


def tar(file: Path) -> None:
    """The form of files before torch 0.2."""
    with tarfile.open(file, "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            content = pickle.dumps({}, 2)
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def onto_disk(file: Path) -> None:
    file.mkdir()
    (file / "config.json").write_text("{}")


def untrained_cell(file: Path) -> None:
    file.mkdir()
    (file / "cell.json").write_text("{}")


def quantised() -> Any:
    import torch

    return {"linear.weight": torch.ones(16, 48, dtype=torch.int8), "linear.bias": torch.zeros(16)}


def not_finite() -> Any:
    made = state()
    made["linear.weight"][3, 3] = float("nan")
    return made


def two() -> Any:
    made = state()
    return {
        f"{part}.{name}": value + number
        for number, part in enumerate(("left", "right"))
        for name, value in made.items()
    }


def huge(file: Path) -> None:
    """A header that says it is longer than all memory."""
    file.write_bytes(struct.pack("<Q", 2**31) + b'{"linear.weight":' + json.dumps({}).encode())


def zipped(file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mine/data.pkl", bytes(1_000_000))


def flipped(file: Path) -> None:
    """In the middle of the weights."""
    saved(state)(file)
    content = file.read_bytes()
    at = content.index(state()["linear.weight"].numpy().tobytes()) + 100
    file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


def script(file: Path) -> None:
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(torch.nn.Linear(3, 3), torch.zeros(1, 3)), file)


def published(backbone: str, make: Make = lambda _: None, channels: int = 3, more: str = "") -> Make:
    """A suite that scores published weights on 12 pictures; `make` fills the caches of the libraries in the folder."""

    def prepare(folder: Path) -> None:
        images = np.random.default_rng(0).integers(0, 256, (12, 16, 16, channels), dtype=np.uint8)
        labels = np.arange(12) % 3
        np.savez(folder / "mine.npz", train_images=images, train_labels=labels, test_images=images, test_labels=labels)
        text = data_suite("npz, path: mine.npz, label: pictures", "pretrained" + more)
        (folder / "suite.yaml").write_text(text.replace("[conv4]", f"[{{{backbone}, label: published}}]"))
        make(folder)

    return prepare


def timms(alter: Callable[[Path], object] = lambda _: None) -> Make:
    """The cache of the Hugging Face hub, with an altered file."""
    return lambda folder: alter(of_hub(folder / "hf", "test_resnet").resolve())


TIMM = "use: timm, model: test_resnet.r160_in1k, pretrained: true"
TORCHVISION = "use: torchvision, model: shufflenet_v2_x0_5, pretrained: IMAGENET1K_V1"
OFFLINE = {"HF_HOME": "FOLDER/hf", "TORCH_HOME": "FOLDER/torch", "HF_HUB_OFFLINE": "1"}
UNREACHABLE = {"TORCH_HOME": "FOLDER/torch", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


NOTHING: Make = lambda _: None  # noqa: E731

WEIGHTS = (
    Fault("a file that is not there", "there is no file", started(NOTHING)),
    Fault("a slip in its name", "Did you mean 'mine.pth'?", started(raw(b"x"), "mime.pth")),
    Fault("an address", "not an address: download", started(NOTHING, "'https://a.b/resnet18.pth'")),
    Fault("a folder that is no cell", "is a folder, and not that of a cell", started(onto_disk)),
    Fault("a cell without a model", "has not been trained to the end", started(untrained_cell)),
    Fault("an empty file of weights", "is empty", started(raw(b""))),
    Fault("a device as a file of weights", "is no regular file", started(NOTHING, "/dev/zero")),
    Fault("a number for weights", "weights is a file or", started(NOTHING, "3")),
    Fault("weights without a file", "weights needs 'file'", started(NOTHING, "{prefix: a}")),
    Fault("a slip in a key of weights", "Did you mean 'prefix'?", started(NOTHING, "{file: mine.pth, prefx: a}")),
    Fault("weights of a data set", "has no option 'weights'", suite("[blobs]", "[{use: blobs, weights: mine.pth}]")),
    Fault("half of a file of torch.save", "cut short", started(short(saved(state))), RUN),
    Fault("a changed byte in a file of torch.save", "does not have its checksum", started(flipped), RUN),
    Fault(
        "half of an old file of torch.save",
        "is damaged or cut short: unexpected EOF",
        started(short(saved(state, _use_new_zipfile_serialization=False))),
        RUN,
    ),
    Fault("half of a safetensors file", "is damaged or cut short", started(short(safe())), RUN),
    Fault("a header without end", "is damaged or cut short", started(huge), RUN),
    Fault("random bytes as weights", "is damaged or no file of weights", started(raw(b"\x07" * 999)), RUN),
    Fault("code in a file of weights", "posix.system", started(saved(lambda: {"a": Exploit()})), RUN),
    Fault("code in a bare pickle", "posix.system", started(raw(pickle.dumps(Exploit(), 2))), RUN),
    Fault("a whole network", "holds a whole network (harness_toy.parts.Flat", started(saved(whole)), RUN),
    Fault("a TorchScript program", "is a TorchScript program", started(script), RUN),
    Fault(
        "Lightning's options as an object",
        "holds more than tensors (argparse.Namespace)",
        started(saved(lambda: {"state_dict": state(), "hyper_parameters": argparse.Namespace(lr=1)})),
        RUN,
    ),
    Fault(
        "random weights for the method pretrained",
        "'weights: FILE' in its entry",
        suite("idle", "pretrained", ONE),
        RUN,
    ),
    Fault(
        "random weights for the method cactus",
        "'cactus' clusters the features of one that was trained",
        suite("idle", "{use: cactus, clusters: 5}", ONE.replace("flat", "conv4").replace("blobs", "digits")),
        RUN,
    ),
    Fault(
        "a file of weights for the method untrained",
        "the method 'pretrained' scores an encoder as it is",
        started(saved(state), base=ONE.replace("idle", "untrained")),
        RUN,
    ),
    Fault("a list of tensors", "holds a list, not tensors by name", started(saved(lambda: [*state().values()])), RUN),
    Fault("the format of torch 0.1", "is in the .tar format of torch 0.1", started(tar), RUN),
    Fault("Keras' format", "is an HDF5 file", started(raw(b"\x89HDF\r\n\x1a\n" + bytes(99))), RUN),
    Fault("ONNX", "is a protocol buffer", started(raw(b"\x08\x07\x12\x07pytorch" + bytes(99))), RUN),
    Fault(
        "TensorFlow's format",
        "is the index of a TensorFlow checkpoint",
        started(raw(bytes(99) + struct.pack("<Q", 0xDB4775248B80FB57))),
        RUN,
    ),
    Fault("an archive of something else", "is an archive that torch.save did not write", started(zipped), RUN),
    Fault(
        "weights of another network",
        "has none of the backbone's 2 tensors",
        started(saved(lambda: {f"blocks.{name}.w": each for name, each in state().items()})),
        RUN,
    ),
    Fault(
        "weights of a deeper network",
        "is of a deeper network: it has 1 further tensors",
        started(saved(lambda: state(**{"linear.gate": state()["linear.bias"]}))),
        RUN,
    ),
    Fault(
        "weights of another width",
        "2 of 2 have another shape",
        started(saved(state), "mine.pth, width: 8"),
        RUN,
    ),
    Fault(
        "a tensor too few",
        "1 of 2 tensors are missing (linear.bias)",
        started(
            saved(lambda: {"net.linear.weight": state()["linear.weight"], "net.head.weight": state()["linear.bias"]})
        ),
        RUN,
    ),
    Fault("quantised weights", "linear.weight is int8, not float32", started(saved(quantised)), RUN),
    Fault(
        "weights that are not finite", "linear.weight has values that are not finite", started(saved(not_finite)), RUN
    ),
    Fault("two networks in a file", "in several places", started(saved(two)), RUN),
    Fault(
        "a prefix that there is not",
        "The best match has prefix 'left.'",
        started(saved(two), "{file: mine.pth, prefix: lift.}"),
        RUN,
    ),
    Fault(
        "published weights of a model that timm does not have",
        "timm has no model 'resnet19'. Did you mean",
        published("use: timm, model: resnet19, pretrained: true"),
        RUN,
    ),
    Fault(
        "published weights that timm does not have under a tag",
        "timm has no weights 'r160_in2k' of 'test_resnet'. Did you mean 'r160_in1k'?",
        published("use: timm, model: test_resnet.r160_in2k, pretrained: true"),
        RUN,
    ),
    Fault(
        "published weights of a model of which timm has none",
        "timm has no weights of 'coatnet_0_224'",
        published("use: timm, model: coatnet_0_224, pretrained: true"),
        RUN,
    ),
    Fault(
        "a word for timm's pretrained",
        "timm.pretrained must be bool, not 'a1_in1k'",
        published("use: timm, model: resnet18, pretrained: a1_in1k"),
    ),
    Fault(
        "published weights that torchvision does not have",
        "torchvision has no weights 'IMAGENET1K_V3' of 'resnet50'. Did you mean",
        published("use: torchvision, model: resnet50, pretrained: IMAGENET1K_V3"),
        RUN,
    ),
    Fault(
        "timm's weights without a network and not in the cache, for two methods",
        "run 'hf download timm/test_resnet.r160_in1k model.safetensors' on another machine",
        published(TIMM, more=", simclr"),
        RUN,
        env=OFFLINE,
    ),
    Fault(
        "torchvision's weights without a network and not in the cache",
        "get it from https://download.pytorch.org/models/shufflenetv2_x0.5-f707e7126e.pth on another machine",
        published(TORCHVISION),
        RUN,
        env=UNREACHABLE,
    ),
    Fault(
        "half of a file of timm's weights in the cache",
        "model.safetensors cannot be used: ",
        published(TIMM, timms(half)),
        RUN,
        env=OFFLINE,
    ),
    Fault(
        "half of a file of torchvision's weights in the cache",
        "shufflenetv2_x0.5-f707e7126e.pth cannot be used: ",
        published(
            TORCHVISION,
            lambda folder: half(of_torch(folder / "torch", "shufflenet_v2_x0_5", "shufflenetv2_x0.5-f707e7126e.pth")),
        ),
        RUN,
        env=UNREACHABLE,
    ),
    Fault(
        "pictures of four channels for published weights",
        "the encoder takes images of 3x160x160, but the samples are images of 4x16x16",
        published(TIMM, timms(), channels=4),
        RUN,
        env=OFFLINE,
    ),
)
