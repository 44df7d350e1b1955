"""The metrics on codes with a known answer: identity, rotated, duplicated, noise, constant."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor

from betavae import metrics
from betavae.metrics import boosting
from betavae.metrics.curve import accuracy_against_pairs, accuracy_against_steps
from betavae.metrics.forest import random_forest
from betavae.metrics.information import entropy, mutual_information
from betavae.metrics.udr import udr

SIZES = (3, 4, 5, 6, 8)
CHANCE = 1 / len(SIZES)


class FactorPictures:
    """A factor source whose pictures are its factors: five pixels, scaled to [0, 1]."""

    factor_sizes = SIZES

    def sample_factors(self, n, generator=None):
        return torch.stack([torch.randint(s, (n,), generator=generator) for s in SIZES], dim=1)

    def images(self, factors):
        pictures = torch.zeros(len(factors), 1, 64, 64)
        pictures[:, 0, 0, :5] = (factors + 0.5) / torch.tensor(SIZES)
        return pictures


def factors_of(images):
    return images[:, 0, 0, :5].double() - 0.5


ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
NOISE = np.random.default_rng(1)
CODES = {
    "identity": lambda x: factors_of(x),
    "rotated": lambda x: factors_of(x) @ torch.from_numpy(ROTATION),
    "duplicated": lambda x: torch.cat([factors_of(x), factors_of(x)], dim=1),
    "noise": lambda x: NOISE.normal(size=(len(x), 6)),
    "constant": lambda x: torch.ones(len(x), 4),
}
NAMES = tuple(metrics.METRICS)


DEAREST = ("dci", "dci-forest", "explicitness")  # of ten latents these say nothing that five do not


def evaluate(code, names):
    """By the protocols, but for DCI's boosted trees: 600 pictures and 20 rounds tell them these
    codes as surely as 10,000 and 100, in seconds. (A served bundle's are grown in full.)"""
    others = [name for name in names if name != "dci"]
    found = metrics.evaluate(code, FactorPictures(), others, seed=0)
    if "dci" in names:
        encoded = metrics.encode(code, FactorPictures(), 0, 600, 300)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(boosting, "ROUNDS", 20)
            found |= metrics.score(encoded, ["dci"], seed=0)
    return found


@pytest.fixture(scope="module")
def results():
    names = dict.fromkeys(CODES, NAMES)
    names["duplicated"] = tuple(name for name in NAMES if name not in DEAREST)
    return {kind: evaluate(code, names[kind]) for kind, code in CODES.items()}


ENTANGLEMENT = ("mig", "dci", "dci-forest", "sap", "modularity", "factor-vae", "irs")
SCALED = ("mig", "modularity", "factor-vae", "beta-vae-paper", "dci", "dci-forest")


@pytest.fixture(scope="module")
def scaled():
    """The rotated code, each latent in another unit, in none of which it would be silent."""
    units = torch.tensor([1, 7, 0.2, 30, 2.0])
    return evaluate(lambda x: CODES["rotated"](x) * units, SCALED)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("sap", "explicitness")])
def test_the_identity_is_perfect(results, name):
    assert results["identity"][name]["score"] > 0.995


def test_sap_and_explicitness_of_the_identity_are_what_linear_classifiers_can_reach(results):
    """One value against the others is not linear in a factor's number, so both stay below 1."""
    assert results["identity"]["sap"]["score"] > 0.25
    assert results["identity"]["explicitness"]["score"] > 0.95


@pytest.mark.parametrize("name", ENTANGLEMENT)
def test_a_rotation_costs(results, name):
    assert results["rotated"][name]["score"] < results["identity"][name]["score"] - 0.15


@pytest.mark.parametrize("name", ["mig", "sap"])
def test_duplicated_latents_leave_no_gap(results, name):
    assert results["duplicated"][name]["score"] < 0.02


@pytest.mark.parametrize("name", ["beta-vae", "beta-vae-paper", "factor-vae", "modularity", "irs"])
def test_duplicated_latents_cost_nothing_where_only_modularity_counts(results, name):
    assert results["duplicated"][name]["score"] > 0.995


def test_noise_is_at_chance(results):
    noise = {name: results["noise"][name]["score"] for name in NAMES}
    assert noise["beta-vae"] == pytest.approx(CHANCE, abs=0.03)
    assert noise["beta-vae-paper"] == pytest.approx(1 / 4, abs=0.03)
    assert noise["factor-vae"] == pytest.approx(CHANCE, abs=0.06)
    assert noise["explicitness"] == pytest.approx(0.5, abs=0.02)
    assert noise["mig"] < 0.01 and noise["sap"] < 0.02 and noise["dci"] < 0.1
    # The 99 % quantile of what noise does within a value, as a share of the largest there is.
    assert noise["irs"] < 0.45


def test_constants_say_nothing_and_nothing_breaks(results):
    constant = {name: results["constant"][name]["score"] for name in NAMES}
    assert all(np.isfinite(value) for value in constant.values())
    for name in ENTANGLEMENT:
        assert constant[name] == pytest.approx(0, abs=1e-6), name
    assert constant["beta-vae"] == pytest.approx(CHANCE, abs=0.03)
    assert constant["explicitness"] == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("name", SCALED)
def test_a_latents_scale_does_not_matter(results, scaled, name):
    # Rounding decides between splits as good, and the classifier starts elsewhere.
    within = 0.01 if name in ("dci", "beta-vae-paper") else 1e-9
    assert scaled[name]["score"] == pytest.approx(results["rotated"][name]["score"], abs=within)


def test_the_same_seed_gives_the_same_and_another_another(results):
    names = ["factor-vae", "beta-vae", "mig"]
    code = CODES["rotated"]
    again, other = (metrics.evaluate(code, FactorPictures(), names, seed=s) for s in (0, 1))
    for name in names:
        assert again[name] == results["rotated"][name], "whatever else is asked for"
        assert other[name]["score"] != again[name]["score"]


def test_metrics_that_look_at_few_pictures_find_in_these_alone_what_they_find_in_all(results):
    names = [name for name in NAMES if name not in (*metrics.POOLED, "dci")]
    assert len(names) == 6
    asked = []

    def code(images):
        asked.append(len(images))
        return CODES["rotated"](images)

    found = metrics.evaluate(code, FactorPictures(), names, seed=0)
    assert sum(asked) == sum(metrics.FIRST)
    for name in names:
        assert found[name] == results["rotated"][name], name


@pytest.mark.parametrize("name", ["dci", "dci-forest"])
def test_the_trees_follow_the_seed(name, monkeypatch):
    monkeypatch.setattr(boosting, "ROUNDS", 10)
    encoded = metrics.encode(CODES["rotated"], FactorPictures(), 0, 300, 100)
    first, again = (metrics.score(encoded, [name], seed=0)[name] for _ in range(2))
    assert first == again
    other = metrics.encode(CODES["rotated"], FactorPictures(), 1, 300, 100)
    assert metrics.score(other, [name], seed=1)[name]["score"] != first["score"]


def test_dci_of_a_latent_that_holds_two_factors():
    """One latent of four tells two factors of five, each other one its own: D = Σ ρ_l (1 - H_l)
    is 2/5 (1 - log 2 / log 5) + 3/5, and each factor is told by one latent alone: C = 1."""

    def code(images):
        values = (images[:, 0, 0, :5].double() * torch.tensor(SIZES)).round(decimals=1) - 0.5
        return torch.stack([values[:, 0] * SIZES[1] + values[:, 1], *values.T[2:]], dim=1)

    encoded = metrics.encode(code, FactorPictures(), 0, 1_500, 500)
    expected = 2 / 5 * (1 - np.log(2) / np.log(5)) + 3 / 5
    scores = metrics.score(encoded, ("dci", "dci-forest"))
    for name, found in scores.items():
        assert found["score"] == pytest.approx(expected, abs=0.01), name
        assert np.mean(found["per_latent"]) > expected + 0.05  # what it would be without weights
        assert found["completeness"] > 0.99
    assert scores["dci"]["informativeness"] > 0.99


def test_the_parts_add_up(results):
    rotated = results["rotated"]
    assert np.mean(rotated["mig"]["per_factor"]) == pytest.approx(rotated["mig"]["score"])
    assert np.shape(rotated["mig"]["information"]) == (5, 5)
    table = np.array(rotated["factor-vae"]["confusion"])
    assert table.sum() == 5_000
    assert np.trace(table) / 5_000 == pytest.approx(rotated["factor-vae"]["score"])
    assert np.array(rotated["factor-vae"]["votes"]).sum() == 10_000
    table = np.array(rotated["beta-vae"]["confusion"])
    assert np.trace(table) / table.sum() == pytest.approx(rotated["beta-vae"]["score"])
    importance = np.array(results["identity"]["dci"]["importance"])
    assert np.allclose(importance.sum(0), 1) and np.trace(importance) > 4.9
    assert rotated["dci"]["completeness"] < results["identity"]["dci"]["completeness"]
    assert rotated["beta-vae-paper"]["converged"]


def test_mutual_information_against_its_closed_form():
    """A fair bit and its copy, its noisy copy (a binary symmetric channel), and another bit."""
    rng = np.random.default_rng(0)
    bit = rng.integers(2, size=200_000)
    flipped = bit ^ (rng.random(len(bit)) < 0.1)
    closed = np.log(2) + 0.1 * np.log(0.1) + 0.9 * np.log(0.9)
    assert entropy(bit) == pytest.approx(np.log(2), abs=1e-4)
    assert mutual_information(bit, bit) == pytest.approx(np.log(2), abs=1e-4)
    assert mutual_information(bit, flipped) == pytest.approx(closed, abs=0.005)
    assert mutual_information(bit, rng.integers(2, size=len(bit))) < 1e-4


def test_mig_of_half_a_factor():
    """A latent with the low bit of a four-valued factor, another with both: the gap is one bit."""
    rng = np.random.default_rng(0)
    factor = rng.integers(4, size=(40_000, 1))
    codes = np.concatenate([factor % 2, factor], axis=1).astype(float)
    encoded = metrics.split(factor, codes, (4,), 30_000)
    assert metrics.score(encoded, ["mig"])["mig"]["score"] == pytest.approx(0.5, abs=0.001)


def test_dci_agrees_with_the_exact_trees():
    """The estimator of disentanglement_lib is scikit-learn's exact gradient boosting."""
    source = FactorPictures()
    encoded = metrics.encode(CODES["rotated"], source, 0, 1_000, 300)
    pools = (
        metrics.Codes(pool.factors[:, [0, 2]], pool.codes) for pool in (encoded.train, encoded.test)
    )
    encoded = metrics.Encoded(*pools, (SIZES[0], SIZES[2]))
    ours = np.array(metrics.score(encoded, ["dci"])["dci"]["importance"])
    for factor in range(2):
        exact = GradientBoostingClassifier(random_state=0)
        exact.fit(encoded.train.codes, encoded.train.factors[:, factor])
        assert np.abs(ours[:, factor] - exact.feature_importances_).max() < 0.01


@pytest.mark.parametrize("kind", ["rotated", "identity"])
def test_a_forest_is_scikit_learns(kind):
    """Up to splits that are as good as each other: few for codes that all differ, and more where a
    value is many pictures'."""
    encoded = metrics.encode(CODES[kind], FactorPictures(), 0, 2_000, 500)
    within = 1e-9 if kind == "rotated" else 0.01
    for factor in (0, 4):
        train, numbers = encoded.train.codes, encoded.train.factors[:, factor]
        theirs = RandomForestRegressor(max_depth=2, random_state=3).fit(train, numbers)
        importance, guess = random_forest(train, numbers, encoded.test.codes, 2, 3)
        assert np.abs(importance - theirs.feature_importances_).max() < within
        assert np.abs(guess - theirs.predict(encoded.test.codes)).mean() < within


def test_a_forest_of_codes_that_say_nothing():
    numbers, constant = np.arange(6) % 3, np.ones((6, 2))
    importance, guess = random_forest(constant, numbers, constant, 2, 0)
    assert (importance == 0).all() and guess == pytest.approx(1, abs=0.15)


def test_a_forest_explains_what_a_latent_tells_of_a_factors_number():
    """A latent that is the number and as much noise tells half of its variance, and a latent that
    is noise alone gets no importance."""
    rng = np.random.default_rng(0)
    factor = rng.integers(32, size=(15_000, 1))
    noise = rng.normal(scale=np.sqrt(factor.var()), size=(15_000, 2))
    codes = np.concatenate([factor + noise[:, :1], noise[:, 1:]], axis=1)
    found = metrics.score(metrics.split(factor, codes, (32,), 10_000), ["dci-forest"])["dci-forest"]
    assert found["explained"][0] == pytest.approx(0.5, abs=0.02)
    assert found["importance"][0][0] > 0.98


def test_the_curve_rises_with_the_pairs_and_ends_at_the_top():
    noisy = lambda x: factors_of(x) + torch.randn(len(x), 5, generator=GENERATOR) * 0.3  # noqa: E731
    encoded = metrics.encode(noisy, FactorPictures(), 0)
    rows = accuracy_against_pairs(encoded, (1, 2, 3, 4), lengths=(1, 8, 64), points=(2000, 1000))
    assert [row["pairs"] for row in rows] == [1, 8, 64]
    assert rows[0]["accuracy"] < rows[1]["accuracy"] < rows[2]["accuracy"] <= 1
    assert rows[2]["accuracy"] > 0.95 and all(row["converged"] for row in rows)


GENERATOR = torch.Generator().manual_seed(0)


def test_the_papers_classifier_gets_there_if_one_waits():
    encoded = metrics.encode(CODES["identity"], FactorPictures(), 0, 6000, 3000)
    rows = accuracy_against_steps(encoded, (1, 2, 3, 4), points=(2000, 1000))
    assert rows[0]["steps"] == 10 and rows[-1]["accuracy"] > 0.99


def test_udr_ranks_the_one_that_others_agree_with():
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(1500, 4))
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    same = factors[:, [2, 0, 3, 1]] * [1, -1, 1, -1]
    means = [factors, same, factors**3, factors @ turn]
    scores = udr(means, [np.ones(4)] * 4)
    assert min(scores[:3]) > 0.9 > 0.7 > scores[3]
    dead = udr([factors, np.zeros((1500, 4))], [np.ones(4), np.zeros(4)])
    assert dead == [0.0, 0.0]


def test_codes_that_are_none_are_refused():
    with pytest.raises(ValueError, match="no metric 'elbo'"):
        metrics.evaluate(CODES["identity"], FactorPictures(), ["elbo"])
    with pytest.raises(ValueError, match="NaN or infinite"):
        metrics.evaluate(lambda x: torch.full((len(x), 2), torch.nan), FactorPictures(), ["mig"])
    with pytest.raises(ValueError, match=r"codes of shape \(64, L\)"):
        metrics.evaluate(lambda x: torch.zeros(3, 2), FactorPictures(), ["mig"])
