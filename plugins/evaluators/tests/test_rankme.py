"""RankMe against numpy's singular values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from harness_evaluators import RankMeConfig
from harness_evaluators.rankme import GROUPS, RankMe, groups_of, without_groups
from torch import Tensor, nn

from harness import Data, Method, Split, Trained, UsageError, Vectors, VectorShape


def data(samples: Tensor) -> Data:
    """Vectors without labels."""
    return Data.of({"train": Split(samples)}, Vectors.of(samples), torch.device("cpu"))


def encoder(of: Data) -> Method:
    """Gives vectors as they are."""
    return Method(nn.Identity(), None, of).eval()


def spectrum(number: int, dims: int, decay: float) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(number, dims, generator=draw) * decay ** torch.arange(dims)


def expected(features: Tensor) -> float:
    values = np.linalg.svd(features.double().numpy(), compute_uv=False)
    shares = values / np.abs(values).sum() + 1e-7
    return float(np.exp(-np.sum(shares * np.log(shares))))


@pytest.mark.parametrize(
    "features",
    [spectrum(300, 20, 0.7), spectrum(300, 20, 0.1), spectrum(60, 100, 0.99), 5 + spectrum(200, 8, 1.0)],
    ids=["decaying", "nearly one direction", "more dimensions than samples", "far from zero"],
)
def test_it_is_numpys(features: Tensor) -> None:
    groups = groups_of(len(features))
    value, left_out = without_groups(features, groups)
    assert value == pytest.approx(expected(features), rel=1e-4)
    for group in range(GROUPS):
        assert left_out[group].item() == pytest.approx(expected(features[groups != group]), rel=1e-4)


def test_groups_are_of_about_the_same_size() -> None:
    assert set(groups_of(105).bincount(minlength=GROUPS).tolist()) == {5, 6}


def test_directions_of_equal_strength_are_counted() -> None:
    few = spectrum(4000, 6, 1.0)
    wide = few @ torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(1)))[0][:6]
    unscaled = Vectors(VectorShape(16), 0.0, torch.zeros(16), torch.ones(16), wide)
    found = replace(data(wide), modality=unscaled)
    (rank,) = RankMe(RankMeConfig()).evaluate(Trained(encoder(found), found)).values()
    assert rank.value == pytest.approx(6, abs=0.05)
    assert rank.half_width < 0.05
    assert (rank.shown, rank.n, rank.details) == ("plain", GROUPS, {"dimensions": 16})


def test_features_that_are_all_zero_have_no_direction() -> None:
    value, left_out = without_groups(torch.zeros(50, 4), groups_of(50))
    assert value == pytest.approx(1, abs=1e-4)
    assert left_out.isfinite().all()


def test_it_says_before_training_what_is_missing() -> None:
    few = data(spectrum(39, 3, 1.0))
    with pytest.raises(UsageError, match="'train' has 39 samples; an effective rank with its uncertainty takes 40"):
        RankMe(RankMeConfig()).check(encoder(few), few)
    with pytest.raises(UsageError, match="no split 'tset'"):
        RankMe(RankMeConfig(split="tset")).check(encoder(few), few)
    RankMe(RankMeConfig()).check(encoder(few), data(spectrum(40, 3, 1.0)))  # without labels
