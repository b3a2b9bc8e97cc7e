"""The product of Gaussians and the divergence, against torch.distributions and a grid."""

from __future__ import annotations

from typing import Any

import torch
from harness_metarl.posterior import Gaussian, kl_from_standard, product
from torch.distributions import Normal, kl_divergence

from harness import Data


def factors(*shape: int) -> Gaussian:
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return Gaussian(mean, 0.2 + torch.rand(*shape, generator=generator, dtype=torch.float64))


def test_the_product_is_that_of_the_densities_on_a_grid() -> None:
    given = factors(3, 4, 2)
    found = product(given)
    grid = torch.linspace(-6, 6, 20001, dtype=torch.float64)
    for task in range(3):
        for dim in range(2):
            density = torch.ones_like(grid)
            for mean, variance in zip(given.mean[task, :, dim], given.variance[task, :, dim], strict=True):
                density = density * Normal(mean, variance.sqrt()).log_prob(grid).exp()
            density = density / density.sum()
            mean = (density * grid).sum()
            torch.testing.assert_close(found.mean[task, dim], mean, rtol=1e-6, atol=1e-8)
            spread = (density * (grid - mean).square()).sum()
            torch.testing.assert_close(found.variance[task, dim], spread, rtol=1e-6, atol=1e-8)


def test_the_divergence_is_that_of_torch() -> None:
    given = factors(5, 3)
    standard = Normal(torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    expected = kl_divergence(Normal(given.mean, given.variance.sqrt()), standard).sum(-1)
    torch.testing.assert_close(kl_from_standard(given), expected)
    assert kl_from_standard(Gaussian(torch.zeros(2), torch.ones(2))) == 0


def test_a_sample_has_the_moments_of_the_posterior() -> None:
    given = Gaussian(torch.tensor([1.0, -2.0]), torch.tensor([0.25, 4.0]))
    noise = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    drawn = given.sample(noise)
    torch.testing.assert_close(drawn.mean(0), given.mean, atol=0.02, rtol=0)
    torch.testing.assert_close(drawn.var(0), given.variance, atol=0.05, rtol=0)


def test_a_posterior_is_of_the_set_of_transitions_one_factor_each(robots: Data, pearl: Any) -> None:
    method = pearl(robots).double()
    context = torch.randn(2, 6, 5, dtype=torch.float64)
    whole, turned = method.infer(context), method.infer(context.flip(1))
    one_by_one = [method.infer(context[:, [each]]) for each in range(6)]
    stacked = Gaussian(*(torch.stack(each, 1) for each in zip(*one_by_one, strict=True)))
    for found in (turned, product(stacked)):
        torch.testing.assert_close(whole, found, rtol=1e-5, atol=1e-7)
    more = method.infer(torch.cat([context, context], 1))
    assert (more.variance < whole.variance).all()
