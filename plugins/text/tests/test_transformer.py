"""Encoders of Hugging Face's library, of files that the test makes by the library's own functions."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from harness_text import TransformerConfig
from harness_text.transformer import backbone
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn

from harness import TextShape, UsageError
from harness.testing import check_backbone

pytestmark = pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed")

TEXTS = ["a cat sat", "a dog sat on the mat and a cat sat on the dog", "", "unknownword"]
WORDS = ["a", "cat", "dog", "sat", "on", "the", "mat", "and"]


def library() -> Any:
    """Imported when a test runs, as it takes seconds, and each process of the tests collects all files."""
    return importlib.import_module("transformers")


def saved(folder: Path, kind: str) -> Path:
    """A tiny model with its tokenizer, as the library saves them. RoBERTa's padding is token 1."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] if kind == "bert" else ["[CLS]", "[PAD]", "[SEP]", "[UNK]"]
    numbers = {word: number for number, word in enumerate([*special, *WORDS])}
    made = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    around = [(each, numbers[each]) for each in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = library().PreTrainedTokenizerFast(tokenizer_object=made, **names)
    sizes = {"vocab_size": len(numbers), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    architecture = {"bert": library().BertConfig, "roberta": library().RobertaConfig}[kind]
    config = architecture(
        **sizes, intermediate_size=32, max_position_embeddings=40, pad_token_id=special.index("[PAD]")
    )
    torch.manual_seed(0)
    library().AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["bert", "roberta"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("models") / request.param, request.param)


def made(**options: object) -> nn.Module:
    return backbone(TransformerConfig(**options), TextShape())  # type: ignore[arg-type]


def by_hand(folder: Path, text: str, pooling: str) -> Tensor:
    """One text alone, so that there is no padding."""
    tokenizer = library().AutoTokenizer.from_pretrained(folder)
    network = library().AutoModel.from_pretrained(folder).eval()
    found = network(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
    last, first = found.last_hidden_state[0], found.hidden_states[1][0]
    return {"mean": last.mean(0), "cls": last[0], "first_last": (first.mean(0) + last.mean(0)) / 2}[pooling]


@torch.no_grad()
def test_features_are_the_library_s_whatever_they_are_padded_to(folder: Path) -> None:
    for pooling in ("mean", "cls", "first_last"):
        compare(folder, pooling)


def compare(folder: Path, pooling: str) -> None:
    network = made(folder=folder, pooling=pooling).eval()
    tokens = network.tokenize(TEXTS)
    features, again = network(tokens), network(tokens)
    assert features.shape == (len(TEXTS), network.feature_dim)
    assert torch.equal(features, again)
    for text, found in zip(TEXTS, features, strict=True):
        assert torch.allclose(found, by_hand(folder, text, pooling), atol=1e-5), text
    wider = torch.nn.functional.pad(tokens, (0, 5), value=network.pad)
    assert torch.allclose(network(wider), features, atol=1e-5)


def test_it_says_what_it_starts_from_and_what_its_tokens_are(folder: Path) -> None:
    network = made(folder=folder)
    assert network.started_from["name"] == f"transformers' {folder.name}"
    assert len(network.started_from["digest"]) == 64
    beginning, cat, end = network.tokenize(["cat"])[0].tolist()
    assert {beginning, end} <= set(network.special)
    assert cat not in network.special
    assert network.pad not in network.special
    assert network.pad == (0 if folder.name == "bert" else 1)
    assert not any("pooler" in name for name, _ in network.named_parameters())
    assert not hasattr(made(folder=folder, pretrained=False), "started_from")


def test_no_text_is_longer_than_the_positions_are_for(folder: Path) -> None:
    network = made(folder=folder, length=1000).eval()
    tokens = network.tokenize(["a cat " * 100])
    assert tokens.shape[1] == network.length <= 40
    assert network(tokens).isfinite().all()


def test_a_folder_is_known_by_its_content(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for each in folder.iterdir():
        (copy / each.name).write_bytes(each.read_bytes())
    one, other = (TransformerConfig(folder=each).fingerprint() for each in (folder, copy))
    assert one == other
    (copy / "tokenizer.json").write_text("{}")
    assert TransformerConfig(folder=copy).fingerprint() != one
    with pytest.raises(UsageError, match=r"no folder of a model: it has no config\.json"):
        TransformerConfig(folder=tmp_path).fingerprint()


@pytest.mark.parametrize("damage", ["truncated", "empty"])
def test_damaged_weights_are_refused(folder: Path, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for each in folder.iterdir():
        (copy / each.name).write_bytes(each.read_bytes())
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200] if damage == "truncated" else b"")
    with pytest.raises(UsageError, match="cannot be loaded as a model of transformers"):
        made(folder=copy)


NAMED = """
from harness import TextShape, UsageError
from harness_text import TransformerConfig
from harness_text.transformer import backbone
for name in ("someone/tiny", "someone/other"):
    try:
        print(backbone(TransformerConfig(model=name), TextShape()).started_from["digest"])
    except UsageError as error:
        print(error)
"""


def test_a_name_is_looked_up_in_the_library_s_cache_and_a_missing_one_says_what_to_do(tmp_path: Path) -> None:
    """The cache is laid out by hand, as the hub's client does it; there is no network here. The client reads where the
    cache is when it is imported."""
    folder = saved(tmp_path / "bert", "bert")
    model = tmp_path / "hub" / "models--someone--tiny"
    snapshot = model / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("0" * 40)
    for each in folder.iterdir():
        (snapshot / each.name).write_bytes(each.read_bytes())
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", NAMED]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.splitlines()
    assert said[0] == made(folder=folder).started_from["digest"]
    assert "run 'hf download someone/other' where there is a network" in said[1]


def test_it_conforms() -> None:
    check_backbone("transformer", layers=1, width=32, vocabulary=300)


def test_a_small_one_learns_its_word_pieces_from_the_training_texts(tmp_path: Path) -> None:
    network = made(layers=1, width=32, vocabulary=100).eval()
    network.fit_tokenizer(["the cat sat on the mat"] * 3, tmp_path)
    tokens = network.tokenize(["the cat", "the"])
    features = network(tokens)
    assert features.shape == (2, 32)
    assert torch.allclose(features[1:], network(network.tokenize(["the"])), atol=1e-6)
