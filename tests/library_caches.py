"""The caches of libraries as a download leaves them, by hand: nothing is fetched, and the weights are random."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

REVISION = "0123456789abcdef0123456789abcdef01234567"


def of_hub(home: Path, model: str, **changes: Any) -> Path:
    """A timm model's file in the cache of the Hugging Face hub, HF_HOME: a link to a blob that is called by its digest.
    `changes`: other tensors by name; None leaves one out."""
    import timm
    import torch
    from safetensors.torch import save_file

    published = timm.get_pretrained_cfg(model)
    assert published is not None
    assert published.hf_hub_id
    folder = home / "hub" / f"models--{published.hf_hub_id.replace('/', '--')}"
    snapshot, blob = folder / "snapshots" / REVISION, folder / "blobs" / "new"
    for place in (snapshot, blob.parent, folder / "refs"):
        place.mkdir(parents=True)
    (folder / "refs" / "main").write_text(REVISION)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = {**timm.create_model(model).state_dict(), **changes}
    save_file({name: value for name, value in state.items() if value is not None}, blob)
    named = blob.with_name(hashlib.sha256(blob.read_bytes()).hexdigest())
    blob.rename(named)
    (snapshot / "model.safetensors").symlink_to(Path("..", "..", "blobs", named.name))
    return snapshot / "model.safetensors"


def of_torch(home: Path, model: str, file: str) -> Path:
    """A torchvision model's file in torch's cache, TORCH_HOME."""
    import torch
    from torchvision import models

    path = home / "hub" / "checkpoints" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(models.get_model(model).state_dict(), path)
    return path
