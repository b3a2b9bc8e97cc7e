"""`transformer`: an encoder of Hugging Face's library with its own tokenizer, or a small one with random weights."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from harness import TextShape, UsageError
from harness_text import TransformerConfig
from harness_text.pieces import PAD, WordPieces

WEIGHTS = "model.safetensors"
SECONDS = 10.0  # until the hub counts as out of reach
HEAD_WIDTH = 64  # of an attention head of BERT, whatever the network's size


def backbone(config: TransformerConfig, shape: TextShape) -> nn.Module:
    """Raises UsageError where the library is missing, or the model is neither here nor to be fetched."""
    try:
        library: Any = importlib.import_module("transformers")
    except ImportError as error:
        wanted = "pip install 'rep-harness-text[transformers]'"
        raise UsageError(f"the backbone 'transformer' needs Hugging Face's transformers: {wanted}.") from error
    library.utils.logging.set_verbosity_error()
    library.utils.logging.disable_progress_bar()
    return Published(config, library) if config.model or config.folder else Small(config, shape, library)


class Transformer(nn.Module):
    """Tokens int64 (N, L) to features (N, D): `pooling` says of what. Padding has no part in them."""

    pad: int

    def __init__(self, network: Any, config: TransformerConfig) -> None:
        super().__init__()
        if getattr(network, "pooler", None) is not None:
            network.pooler = None  # a layer for another purpose: it would be trained for nothing, and saved
        self.network = network
        self.pooling = config.pooling
        self.feature_dim = int(network.config.hidden_size)

    def forward(self, tokens: Tensor) -> Tensor:
        used = tokens != self.pad
        first_last = self.pooling == "first_last"
        found = self.network(input_ids=tokens, attention_mask=used.long(), output_hidden_states=first_last)
        last: Tensor = found.last_hidden_state
        if self.pooling == "cls":
            return last[:, 0]
        # as in Su et al. 2021, arXiv:2103.15316: of the first layer's outputs, not of its inputs
        states = (last + found.hidden_states[1]) / 2 if first_last else last
        return (states * used[..., None]).sum(1) / used.sum(1, keepdim=True)


class Published(Transformer):
    """A model of a folder or of Hugging Face's hub, with the tokenizer that belongs to it."""

    def __init__(self, config: TransformerConfig, transformers: Any) -> None:
        name = str(config.folder or config.model)
        load = _from_folder if config.folder else _from_hub
        tokenizer = load(name, transformers.AutoTokenizer.from_pretrained)
        if config.pretrained:
            network = load(name, transformers.AutoModel.from_pretrained)
        else:
            sizes = load(name, transformers.AutoConfig.from_pretrained)
            network = transformers.AutoModel.from_config(sizes, trust_remote_code=False)
        super().__init__(network.train().float(), config)
        if tokenizer.pad_token_id is None:
            raise UsageError(f"the tokenizer of {name} has no token for padding: it was not made for batches of texts.")
        self.pad = tokenizer.pad_token_id
        self.special = tuple(each for each in tokenizer.all_special_ids if each != self.pad)
        self.tokenizer = tokenizer
        self.length = min(config.length, _longest(network, self.pad))
        if config.pretrained:
            self.started_from = _record(config, transformers)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """int64 (N, L), of texts that are cut after `length` tokens."""
        rows = self.tokenizer(list(texts), truncation=True, max_length=self.length, padding=True, return_tensors="pt")
        tokens: Tensor = rows["input_ids"]
        return tokens


class Small(Transformer):
    """BERT's architecture with random weights, and word pieces that are made of the training texts."""

    pad = PAD

    def __init__(self, config: TransformerConfig, shape: TextShape, transformers: Any) -> None:  # noqa: ARG002
        sizes = transformers.BertConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=max(1, config.width // HEAD_WIDTH),
            intermediate_size=4 * config.width,
            max_position_embeddings=config.length,
            pad_token_id=PAD,
        )
        super().__init__(transformers.BertModel(sizes, add_pooling_layer=False), config)
        self.pieces = WordPieces(config.vocabulary, config.cased, config.length)

    def fit_tokenizer(self, texts: Sequence[str], folder: Path) -> None:
        self.pieces.fit(texts, folder)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        return self.pieces.tokenize(texts)


def _from_folder(folder: str, load: Callable[..., Any]) -> Any:
    try:
        return load(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # what a library finds wrong with files of strangers, it says in many ways
        raise UsageError(f"{folder} cannot be loaded as a model of transformers: {_words(error)}") from error


def _from_hub(name: str, load: Callable[..., Any]) -> Any:
    """From the cache, or else fetched into it; code that comes with a model is not run."""
    try:
        return load(name, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError):  # it is not there yet, or must be fetched to know what is wrong
        pass
    try:
        # asked first, and once: to load would try six times for each file, and say so each time
        importlib.import_module("huggingface_hub").model_info(name, timeout=SECONDS)
        return load(name, trust_remote_code=False)
    except Exception as error:
        raise UsageError(
            f"'{name}' is not in Hugging Face's cache, and cannot be fetched ({_words(error)}): run 'hf download "
            f"{name}' where there is a network, and copy the cache (HF_HOME) or give the files as 'folder'."
        ) from error


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def _longest(network: Any, pad: int) -> int:
    """How many tokens its positions are for. RoBERTa counts them from behind the padding's number on."""
    places = int(getattr(network.config, "max_position_embeddings", 0) or 10**6)
    embeddings = getattr(network, "embeddings", None)
    offset = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
    return places if offset is None else places - pad - 1


def _record(config: TransformerConfig, transformers: Any) -> dict[str, Any]:
    """What the weights are: the digest of the file, or of the list of its parts."""
    name = str(config.folder or config.model)
    for each in (WEIGHTS, f"{WEIGHTS}.index.json", "pytorch_model.bin"):
        file = transformers.utils.cached_file(
            name, each, local_files_only=True, _raise_exceptions_for_missing_entries=False
        )
        if file is not None:
            with Path(file).open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            known = config.folder.name if config.folder else name
            return {"name": f"transformers' {known}", "file": each, "digest": digest}
    raise UsageError(f"there is no {WEIGHTS} of {name}.")
