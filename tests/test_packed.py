"""Packed convolutions draw what the plain ones draw, and are left out where they cannot be made."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from betavae.renderer.networks import Painter
from betavae.serving import packed
from betavae.serving.packed import Packed, packed_where_it_pays

ONE = torch.zeros(1, 3, 64, 64), torch.zeros(1, 4 * 64)
with_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN"
)


@pytest.fixture(autouse=True)
def nothing_timed_yet(monkeypatch):
    monkeypatch.setattr(packed, "_pays", {})


@pytest.fixture
def painter():
    torch.manual_seed(0)
    return Painter(4).eval()


@with_onednn
@torch.inference_mode()
@pytest.mark.parametrize("count", [1, 5])
def test_it_draws_the_same(painter, monkeypatch, count):
    monkeypatch.setattr(packed, "_seconds", lambda network, *_: isinstance(network.add, nn.Conv2d))
    quick = packed_where_it_pays(painter, *ONE)
    convolutions = [layer for layer in painter.modules() if isinstance(layer, nn.Conv2d)]
    assert sum(isinstance(layer, Packed) for layer in quick.modules()) == len(convolutions)
    plain, details = torch.rand(count, 3, 64, 64), torch.randn(count, 4 * 64)
    torch.testing.assert_close(quick(plain, details), painter(plain, details), atol=1e-5, rtol=0)


def test_a_slower_one_is_not_taken(painter, monkeypatch):
    monkeypatch.setattr(packed, "_seconds", lambda network, *_: network is not painter)
    assert packed_where_it_pays(painter, *ONE) is painter


@with_onednn
def test_networks_of_the_same_sizes_are_timed_once(painter, monkeypatch):
    timed = []
    monkeypatch.setattr(packed, "_seconds", lambda network, *_: timed.append(network) or len(timed))
    others = [painter, Painter(4).eval(), Painter(8).eval()]
    ones = [ONE, ONE, (ONE[0], torch.zeros(1, 8 * 64))]
    found = [packed_where_it_pays(each, *one) for each, one in zip(others, ones, strict=True)]
    assert len(timed) == 4, "two sizes, each packed and not"
    assert all(isinstance(each.add, Packed) for each in found)
    drawn = [each(*ONE) for each in found[:2]]
    assert not torch.equal(*drawn), "each has its own weights"


def test_a_pytorch_without_it_keeps_the_network(painter, monkeypatch):
    def missing(*_):
        raise AttributeError("no such operator")

    monkeypatch.setattr(packed, "Packed", missing)
    assert packed_where_it_pays(painter, *ONE) is painter
