"""The metrics beside disentanglement_lib's own functions, and on whatever people take for a code.

The peer's figures are of its release 1.5 (github.com/google-research/disentanglement_lib, on PyPI),
its functions run on `peer_codes.code` with the settings of its `unsupervised_study_v1` configs.
"""

import re
import warnings
from functools import cache
from importlib import import_module

import numpy as np
import pytest
import torch
from peer_codes import SIZES, code

from betavae import metrics
from betavae.metrics import boosting
from betavae.metrics import codes as codes_module
from betavae.metrics.boosting import boosted_trees
from betavae.metrics.codes import Alike, Codes


def pools(train, test, code_of=code, sizes=SIZES, seed=0):
    """The pictures that the peer's figures are of: the first `train` of 15,000, and the next."""
    generator = np.random.default_rng(seed)
    count = max(15_000, train + test)
    factors = np.stack([generator.integers(s, size=count) for s in sizes], axis=1)[: train + test]
    return metrics.split(factors, code_of(factors), sizes, train)


def scored(encoded, *names, seed=0):
    found = metrics.score(encoded, names, seed)
    return [found[name]["score"] for name in names]


# ---- the peer's figures --------------------------------------------------------------


PEER = {  # on 4,000 pictures, and 2,000 others
    "mig": 0.40580966825080333,
    "modularity": 0.8211292420076082,
    "irs-dlib": 0.6936741837918563,
    "irs": 0.6980107969199978,  # where its discretizer is left out
}
FACTOR_VAE = 0.8476  # ± 0.0028 over five random states; each picture is drawn anew
FACTOR_VAE_OF_ALL = 0.9803  # where its `prune_dims.threshold`, 0.05 in the study, is 1e-9


@pytest.mark.parametrize("name", PEER)
def test_a_score_is_the_peers_to_the_last_digit(name):
    assert scored(pools(4_000, 2_000), name) == [pytest.approx(PEER[name], abs=1e-9)]


def test_sap_and_explicitness_are_the_peers_as_far_as_its_solvers_go():
    found = scored(pools(4_000, 2_000), "sap", "explicitness")
    assert found[0] == pytest.approx(0.0775, abs=0.002)
    assert found[1] == pytest.approx(0.9590018891806157, abs=1e-4)


def test_silent_latents_have_no_vote():
    """The seventh latent tells the orientation, but its standard deviation is 0.012."""
    found = metrics.score(pools(30_000, 15_000), ["factor-vae"])["factor-vae"]
    assert found["score"] == pytest.approx(FACTOR_VAE, abs=0.01) != FACTOR_VAE_OF_ALL
    assert found["latents"] == [0, 1, 2, 3, 4, 5] and not np.any(found["votes"][6:])


def test_a_latent_votes_from_a_standard_deviation_of_a_twentieth_on():
    generator = np.random.default_rng(0)
    factors = np.stack([generator.integers(2, size=6_000) for _ in range(3)], axis=1)
    units = np.array([1, 0.11, 0.09])  # halved: a fair coin's standard deviation
    found = metrics.score(metrics.split(factors, factors * units, (2, 2, 2), 4_000), ["factor-vae"])
    assert found["factor-vae"]["latents"] == [0, 1]
    assert found["factor-vae"]["least_deviation"] == 0.05


def test_silence_may_be_relative_to_the_strongest_latent():
    plain, tiny = (pools(1_500, 700, lambda f, u=unit: code(f) * u) for unit in (1, 1e-7))
    relative = [scored(encoded, "factor-vae-relative")[0] for encoded in (plain, tiny)]
    assert relative[0] == pytest.approx(relative[1], abs=1e-9)
    assert relative[0] > 0.3 and scored(tiny, "factor-vae") == [0.0]


def test_a_group_has_no_picture_twice_and_one_value():
    pool = Codes(np.array([[0]] * 90 + [[1]] * 5 + [[2]]), np.zeros((96, 1)))
    alike, generator = Alike(pool, 0, 3), np.random.default_rng(0)
    groups = [alike.group(64, generator) for _ in range(300)]
    assert all(len(set(group)) == len(group) for group in groups)
    assert all(np.ptp(pool.factors[group]) == 0 for group in groups)
    assert {len(group) for group in groups} == {64, 5}  # none of the one that is alone
    seen = np.bincount(np.concatenate(groups), minlength=96)
    assert seen[:90].std() / seen[:90].mean() < 0.1 and seen[95] == 0


def test_a_group_of_few_varies_as_much_as_all():
    """Groups of 64 out of 80: drawn with replacement their variance would be an 80th too small."""
    pool = Codes(np.zeros((80, 1), int), np.arange(80.0)[:, None])
    alike, generator = Alike(pool, 0, 1), np.random.default_rng(0)
    found = [pool.codes[alike.group(64, generator)].var(ddof=1) for _ in range(2_000)]
    assert np.mean(found) == pytest.approx(np.var(np.arange(80), ddof=1), rel=0.003)


def test_a_pool_in_which_no_two_share_a_value_is_refused():
    factors = np.stack([np.arange(20), np.arange(20) % 2], axis=1)
    encoded = metrics.split(factors, factors.astype(float), (20, 2), 12)
    with pytest.raises(ValueError, match="No two of 12 pictures share a value of factor 0"):
        metrics.score(encoded, ["factor-vae"])


# ---- boosted trees -------------------------------------------------------------------


EXACT = {  # factor: (its values, importance of the eight latents, accuracy)
    "shape": (0, 1, [0.008, 0.007, 0.024, 0.147, 0.479, 0.328, 0.006, 0], 0.934),
    "scale": (1, 1, [0.016, 0.016, 0.816, 0.038, 0.089, 0.009, 0.016, 0], 0.780),
    "a fifth of the turn": (2, 8, [0.064, 0.058, 0.103, 0.348, 0.234, 0.104, 0.089, 0], 0.352),
    "half of the turn": (2, 20, [0.147, 0.133, 0.084, 0.1, 0.158, 0.107, 0.271, 0], 0.542),
}


@pytest.mark.parametrize("name", EXACT)
def test_the_boosted_trees_are_the_exact_ones(name):
    """The figures are of scikit-learn 1.9's GradientBoostingClassifier(random_state=0), which is
    what disentanglement_lib's DCI is made of; its own random states differ by 0.003."""
    generator = np.random.default_rng(0)
    factors = np.stack([generator.integers(s, size=15_000) for s in SIZES], axis=1)[:2_000]
    noisy = code(factors) + 0.1 * generator.normal(size=(2_000, 8)) * (np.arange(8) < 7)
    column, width, importance, accuracy = EXACT[name]
    values = factors[:, column] // width
    found, guess = boosted_trees(noisy[:1_500], values[:1_500], noisy[1_500:], generator)
    assert np.abs(found - importance).max() < 0.005
    assert (guess == values[1_500:]).mean() == pytest.approx(accuracy, abs=0.01)


def test_the_trees_do_not_depend_on_the_stretches_that_they_are_sought_in(monkeypatch):
    generator = np.random.default_rng(0)
    codes = np.hstack([generator.normal(size=(500, 2)), generator.integers(5, size=(500, 2))])
    values = (codes[:, 0] + codes[:, 2] + generator.normal(size=500) > 2).astype(int)
    found = []
    for pictures, at_once in ((32, 32), (200, 1), (1, 200)):
        monkeypatch.setattr(boosting, "PICTURES", pictures)
        monkeypatch.setattr(boosting, "LOOKED_AT", at_once)
        found.append(boosted_trees(codes, values, codes, np.random.default_rng(0)))
    for importance, guess in found[1:]:
        assert np.abs(importance - found[0][0]).max() < 1e-9
        assert (guess == found[0][1]).all()


def test_values_with_a_little_noise_are_told_apart():
    """The factors themselves and a millionth: perfect, though no value comes twice."""
    noise = np.random.default_rng(1)
    noisy = lambda f: f + 1e-6 * noise.normal(size=f.shape)  # noqa: E731
    found = metrics.score(pools(1_200, 300, noisy, (3, 4, 8)), ["dci"])["dci"]
    assert found["score"] > 0.999 and found["completeness"] > 0.999
    assert found["informativeness"] > 0.99


def test_of_latents_that_say_nothing_none_is_preferred():
    """Splits that cut off one picture are as good in one latent as in another."""
    generator = np.random.default_rng(0)
    codes, values = generator.normal(size=(300, 4)), generator.integers(3, size=300)
    found, _ = boosted_trees(codes, values, codes, generator)
    assert np.abs(found - 1 / 4).max() < 0.08
    constant, guess = boosted_trees(np.ones((300, 2)), values, np.ones((5, 2)), generator)
    assert not constant.any() and set(guess) == {np.bincount(values).argmax()}


def test_wide_codes_are_taken_in_blocks_of_trees(monkeypatch):
    encoded = pools(300, 100)
    whole, (x, y) = [], (encoded.train.codes[:, :7], encoded.train.factors[:, 0])
    for cells in (boosting.CELLS, 3 * 9 * 7 * 2):  # of 9 stretches of 7 latents, two trees at once
        monkeypatch.setattr(boosting, "CELLS", cells)
        whole.append(boosted_trees(x, y, x, np.random.default_rng(0))[0])
    assert np.abs(whole[0] - whole[1]).max() < 0.02


# ---- whatever people take for a code -------------------------------------------------


class Source:
    """Pictures whose first five pixels are the factors."""

    def __init__(self, sizes=SIZES):
        self.factor_sizes = sizes

    def sample_factors(self, n, generator=None):
        columns = [torch.randint(s, (n,), generator=generator) for s in self.factor_sizes]
        return torch.stack(columns, dim=1)

    def images(self, factors):
        pictures = torch.zeros(len(factors), 1, 64, 64)
        pictures[:, 0, 0, : factors.shape[1]] = factors.float()
        return pictures


def plain(images, count=5):
    return images[:, 0, 0, :count]


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(codes_module, "TRAIN", 600)
    monkeypatch.setattr(codes_module, "TEST", 300)
    for name in ("beta_vae", "factor_vae"):  # modules, where a function has their name
        module = import_module(f"betavae.metrics.{name}")
        monkeypatch.setattr(module, "TRAIN", 1_000)
        monkeypatch.setattr(module, "TEST", 500)


READ = ["mig", "factor-vae"]


@cache
def usual():
    """What is found in the same code as float32."""
    return metrics.evaluate(plain, Source(), READ)


KINDS = {
    "bfloat16": lambda x: plain(x).bfloat16(),
    "float16": lambda x: plain(x).half(),
    "integers": lambda x: plain(x).long(),
    "requires grad": lambda x: plain(x).clone().requires_grad_(),
    "a parameter's product": lambda x: plain(x) * torch.nn.Parameter(torch.ones(5)),
    "negative strides": lambda x: plain(x).numpy()[::-1, ::-1][::-1, ::-1],
    "big-endian": lambda x: plain(x).numpy().astype(">f4"),
    "objects": lambda x: plain(x).numpy().astype(object),
    "long double": lambda x: plain(x).numpy().astype(np.longdouble),
    "nested lists": lambda x: plain(x).tolist(),
    "read-only": lambda x: np.broadcast_to(plain(x).numpy(), (len(x), 5)),
    "sparse": lambda x: plain(x).to_sparse(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_array_of_real_numbers_is_a_code(few, kind):
    with torch.enable_grad():
        found = metrics.evaluate(KINDS[kind], Source(), READ)
    assert found == usual()


def test_the_output_of_autocast_is_a_code(few):
    layer = torch.nn.Linear(5, 5, bias=False)
    torch.nn.init.eye_(layer.weight)

    def code_function(images):
        with torch.autocast("cpu", torch.bfloat16):
            return layer(plain(images))

    found = metrics.evaluate(code_function, Source(), ["mig"])
    assert found == metrics.evaluate(plain, Source(), ["mig"])


def test_a_pool_in_half_precision_does_not_overflow():
    """The squares of values beyond 256 are infinite in float16."""
    factors = pools(400, 200).train.factors
    half = metrics.split(factors, (factors * 300).astype(np.float16), SIZES, 300)
    assert half.train.codes.dtype == np.float64
    assert scored(half, "mig") == scored(metrics.split(factors, factors * 300.0, SIZES, 300), "mig")


LONG = np.longdouble("1e4000")
WRONG = {
    "no latent": (lambda x: torch.zeros(len(x), 0), "no latent"),
    "complex": (lambda x: plain(x).to(torch.complex64), "real numbers"),
    "complex array": (lambda x: plain(x).numpy() * 1j, "real numbers"),
    "text": (lambda x: plain(x).numpy().astype(str), "real numbers"),
    "a dictionary": (lambda x: {"mean": plain(x)}, "real numbers, not dict"),
    "nothing": (lambda x: None, r"codes of shape \(64, L\)"),
    "mean and variance": (lambda x: (plain(x), plain(x)), r"\(64, L\), not \(2, 64, 5\)"),
    "one number": (lambda x: plain(x)[:, 0], r"\(64, L\), not \(64,\)"),
    "a map": (lambda x: x, r"\(64, L\), not \(64, 1, 64, 64\)"),
    "ever other": (lambda x: x[:, 0, 0, : len(x) // 10], r"\(4, 6\), not \(4, 0\)"),
    "infinite": (lambda x: plain(x) / 0, "NaN or infinite"),
    "too long": (lambda x: plain(x).numpy().astype(np.longdouble) * LONG, "infinite"),
    "huge": (lambda x: plain(x).double() * 1e200, "cannot be squared"),
    "minute": (lambda x: plain(x).double() * 1e-200, "cannot be squared"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_code_is_refused_in_one_sentence(few, kind):
    code_function, words = WRONG[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the code functions' own
        with pytest.raises(ValueError, match=words) as caught:
            metrics.evaluate(code_function, Source(), ["mig"])
    assert "weights are damaged" not in str(caught.value)
    assert "\n" not in str(caught.value) and not re.search(r"\. [A-Z]", str(caught.value))


def test_split_refuses_what_evaluate_does():
    factors = pools(20, 10).train.factors
    for codes, words in [
        (np.full((20, 2), np.nan), "NaN or infinite"),
        (np.zeros((20, 0)), "no latent"),
        (np.zeros((19, 2)), "shape"),
        (np.ones((20, 2)) * 1e200, "cannot be squared"),
    ]:
        with pytest.raises(ValueError, match=words):
            metrics.split(factors, codes, SIZES, 10)


@pytest.mark.parametrize("unit", [9e29, 1e-29])
def test_the_largest_and_the_smallest_codes_that_are_taken_are_measured(few, unit):
    sizes = (2, 3, 4)
    names = ("mig", "irs", "dci", "factor-vae-relative", "dci-forest")
    codes = [pools(300, 150, lambda f, u=u: f / 3 * u, sizes) for u in (1.0, unit)]
    assert scored(codes[0], *names) == pytest.approx(scored(codes[1], *names), abs=0.01)
    found = scored(codes[1], "sap", "beta-vae", "beta-vae-paper", "explicitness", "modularity")
    assert np.isfinite(found).all()


@pytest.mark.parametrize("value", [0.0, 3.7])
def test_one_constant_latent_says_nothing(few, value):
    encoded = pools(600, 300, lambda f: np.full((len(f), 1), value), (2, 3, 4))
    names = ("sap", "mig", "dci", "factor-vae", "irs", "irs-dlib", "modularity")
    with pytest.warns(UserWarning, match="No latent of these codes varies"):
        found = metrics.score(encoded, names)
    for name in names:
        assert found[name]["score"] == pytest.approx(0, abs=1e-6), name


def test_of_one_latent_sap_is_what_it_says_beyond_a_constant():
    half = lambda f: (f[:, :1] > 0).astype(float)  # noqa: E731
    (found,) = scored(pools(2_000, 2_000, half, (2, 2)), "sap")
    assert found == pytest.approx(1 / 4, abs=0.02)  # half of the first factor's accuracy, none else


def test_no_score_is_minus_zero():
    encoded = pools(100, 50, lambda f: np.ones((len(f), 2)), (2, 3, 4))
    with pytest.warns(UserWarning, match="varies"):
        found = metrics.score(encoded, ("mig", "sap", "dci", "modularity", "irs", "irs-dlib"))
    assert "-0.0" not in str(found)


# ---- whatever people take for factors ------------------------------------------------


def test_a_factor_of_one_value_is_left_out_of_every_mean(few):
    names = [n for n in metrics.METRICS if n not in ("explicitness", "beta-vae-paper")]
    with_it = metrics.evaluate(lambda x: plain(x)[:, 1:4], Source((1, 4, 3, 5)), names)
    for name, found in with_it.items():
        assert found["factors"] == [1, 2, 3], name
        assert found["score"] > (0.2 if name == "sap" else 0.98), name
    assert np.shape(with_it["mig"]["information"]) == (3, 3)


def test_the_paper_leaves_out_the_first_factor_also_where_another_does_not_vary(few):
    (found,) = metrics.evaluate(plain_of_four, Source((3, 1, 4, 5)), ["beta-vae-paper"]).values()
    assert found["factors"] == [0, 2, 3] and np.shape(found["confusion"]) == (2, 2)


def plain_of_four(images):
    return plain(images, 4)


@pytest.mark.parametrize("name", metrics.COMPARES)
def test_what_compares_factors_needs_two(few, name):
    with pytest.raises(ValueError, match=f"'{name}' needs more factors that vary"):
        metrics.evaluate(plain, Source((7, 1)), [name])


def test_one_factor_is_enough_for_the_others(few):
    names = [name for name in metrics.METRICS | metrics.BY_NAME if name not in metrics.COMPARES]
    found = metrics.evaluate(lambda x: plain(x, 2), Source((7, 1)), names)
    assert found["mig"]["score"] > 0.99 and found["dci"]["score"] == pytest.approx(1)
    assert all(np.isfinite(result["score"]) for result in found.values())
    with pytest.raises(ValueError, match="'mig' needs more factors that vary"):
        metrics.evaluate(plain, Source((1, 1)), ["mig"])


# ---- in five lines -------------------------------------------------------------------


def test_the_example_in_the_docstring_runs(few):
    lines = [line[4:] for line in metrics.__doc__.splitlines() if line.startswith("    ")]
    assert len([line for line in lines if line]) == 5
    names = {}
    exec("\n".join(lines), names)
    assert 0 < names["scores"]["mig"]["score"] < 0.2
    assert len(names["scores"]["mig"]["per_factor"]) == 5
