"""A run becomes a bundle, a bundle is read back, and a damaged one is refused in one sentence."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import SafetensorError
from shared import small_celeba

from betavae import bundles, cli
from betavae.bundles.bundle import ALIKE, FILES, BundleError, encode_all, pair_latents
from betavae.bundles.latent import by_kl
from betavae.bundles.naming import name_latents
from betavae.bundles.packaging import measure, package
from betavae.bundles.stored import stored_faces
from betavae.data import CelebA
from betavae.metrics import faces
from betavae.metrics.attributes import PICTURE_STATISTICS, picture_statistics, readable
from betavae.metrics.faces import evaluate_faces
from betavae.training import checkpoints
from betavae.training.config import TrainingConfig
from betavae.training.distributed import Processes
from betavae.training.loop import train
from betavae.training.monitor import Pace
from betavae.training.run import Run

PROJECT = Path(__file__).parents[1]
REAL_DATA = PROJECT.parent / "shared" / "data" / "celeba"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny run on a drawn CelebA folder, packaged: (run, bundle folder, data folder)."""
    root = tmp_path_factory.mktemp("made")
    data, validation = small_celeba(root / "data")
    config = TrainingConfig(
        objective_settings={"beta": 4.0}, latents=6, steps=4, batch_size=16, precision="fp32"
    )
    (root / "run").mkdir()
    run = Run(root / "run", config, data, Processes())
    train(run, validation, Pace(2, 1e9, 1e9, progress=False))
    folder = root / "tiny-beta-vae"
    package(run.folder, folder, data, validation)
    return run, folder, root / "data"


@pytest.fixture
def copy(made, tmp_path):
    """The bundle's folder, to damage."""
    return Path(shutil.copytree(made[1], tmp_path / "tiny-beta-vae"))


def refusal(folder) -> str:
    with pytest.raises(BundleError) as error:
        bundles.load(folder)
    sentence = str(error.value)
    assert "\n" not in sentence
    return sentence


class TestRoundTrip:
    def test_all_files_and_the_same_model(self, made):
        run, folder, _ = made
        assert {path.name for path in folder.iterdir()} == set(FILES)
        bundle = bundles.load(folder)
        run.vae.eval()
        codes = torch.randn(3, 6)
        with torch.no_grad():
            assert torch.equal(bundle.vae.decode(codes).mean, run.vae.decode(codes).mean)
        assert bundle.title == "β-VAE (β = 4)"
        assert len(bundle.history) == 2
        kls = [latent.kl for latent in bundle.by_kl]
        assert kls == sorted(kls, reverse=True)

    def test_sliders_that_track_one_attribute_come_first_where_all_carry_as_much(self):
        rotated, strong = bundles.load("celeba-vae-rotated"), bundles.load("celeba-beta-vae")
        alone = rotated.metrics["scores"]["attribute_latents"]
        first = rotated.as_sliders[:alone]
        said = {name_latents(rotated.latents)[latent.index].noun for latent in first}
        assert {"glasses", "smile", "fringe", "blond hair", "black hair"} <= said
        for part in (first, rotated.as_sliders[alone:]):
            assert part == by_kl(part)
        assert strong.as_sliders == strong.by_kl
        assert strong.active[0].kl > ALIKE * strong.active[-1].kl

    def test_stored_scores_are_measured_again(self, made):
        _, folder, data = made
        bundle = bundles.load(folder)
        splits = (CelebA(data, split, progress=False) for split in ("train", "validation"))
        again = evaluate_faces(bundle.vae, *splits)
        for score, tolerance in bundle.metrics["tolerance"].items():
            stored = bundle.metrics["scores"][score]
            assert again["scores"][score] == pytest.approx(stored, abs=tolerance)

    def test_latents_and_codes_are_those_of_the_validation_faces(self, made):
        bundle = bundles.load(made[1])
        means, kl = encode_all(bundle.vae, CelebA(made[2], "validation", progress=False))
        # Up to rounding: a loaded model's convolutions add in another order.
        assert torch.allclose(bundle.codes, means[stored_faces(len(means))], atol=1e-6)
        assert [latent.index for latent in bundle.latents] == list(range(6))
        for latent, column, its_kl in zip(bundle.latents, means.T, kl.mean(0), strict=True):
            assert latent.kl == pytest.approx(its_kl.item(), abs=1e-4)
            assert latent.mean == pytest.approx(column.mean().item(), abs=1e-4)
            assert latent.deviation == pytest.approx(column.std().item(), abs=1e-4)
            for share, found in ((0.01, latent.low), (0.99, latent.high)):
                assert found == pytest.approx(column.quantile(share).item(), abs=1e-4)

    def test_a_latent_tracks_what_its_means_correlate_with_most(self, made):
        bundle = bundles.load(made[1])
        faces = CelebA(made[2], "validation", progress=False)
        means, _ = encode_all(bundle.vae, faces)
        named = {readable(n): faces.attributes[:, i] for i, n in enumerate(faces.attribute_names)}
        statistics = picture_statistics(faces.images)
        named |= {name: statistics[:, i] for i, name in enumerate(PICTURE_STATISTICS)}
        named = {name: v.double().numpy() for name, v in named.items() if v.double().std() > 0}
        for latent, column in zip(bundle.latents, means.T.double().numpy(), strict=True):
            found = {name: np.corrcoef(column, v)[0, 1] for name, v in named.items()}
            strongest = sorted(found, key=lambda name: -abs(found[name]))[:3]
            assert [t["name"] for t in latent.tracks] == strongest
            for track in latent.tracks:
                assert track["correlation"] == pytest.approx(found[track["name"]], abs=1e-3)

    def test_config_says_how_it_was_made(self, made):
        config = bundles.load(made[1]).config
        assert config["training"]["seed"] == 0 and config["training"]["steps_done"] == 4
        assert config["data"] == {**config["data"], "training_pictures": 40}
        assert config["code_version"] == checkpoints.read(made[0].folder)["code_version"]
        card = (made[1] / "README.md").read_text(encoding="utf-8")
        assert "--beta 4" in card and "model-index" in card


def test_a_run_without_a_validation_is_not_half_packaged(made, tmp_path):
    run, _, data = made
    checkpoints.write(tmp_path, {**checkpoints.read(run.folder), "history": []})
    splits = (CelebA(data, split, progress=False) for split in ("train", "validation"))
    with pytest.raises(checkpoints.CheckpointError, match="before its first validation"):
        package(tmp_path, tmp_path / "bundle", *splits)
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_is_written_whole_or_not_at_all(made, tmp_path, file_size_limit):
    """The weights fit on the disk as it is here, the figure does not."""
    run, folder, data = made
    splits = (CelebA(data, split, progress=False) for split in ("train", "validation"))
    with (
        file_size_limit((folder / "model.safetensors").stat().st_size - 1000),
        pytest.raises((OSError, SafetensorError)),
    ):
        package(run.folder, tmp_path / "tiny", *splits)
    assert list(tmp_path.iterdir()) == []


def test_measuring_again_writes_scores_and_card_or_neither(made, copy, file_size_limit):
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    splits = (CelebA(made[2], split, progress=False) for split in ("train", "validation"))
    longer, shorter = sorted(len(before[name]) for name in ("metrics.json", "README.md"))[::-1]
    assert longer > shorter
    with file_size_limit(longer - 1), pytest.raises(OSError):
        measure(copy, bundles.load(copy).vae, *splits)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


class TestDamage:
    @pytest.mark.parametrize("file", FILES)
    def test_missing_file_is_named(self, copy, file):
        (copy / file).unlink()
        assert file in refusal(copy)

    def test_truncated_and_altered_weights(self, copy):
        path = copy / "model.safetensors"
        content = path.read_bytes()
        path.write_bytes(content[:-1000])
        assert "truncated or altered" in refusal(copy)
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert "truncated or altered" in refusal(copy)

    @pytest.mark.parametrize("file", ["config.json", "latents.json", "metrics.json"])
    def test_broken_json(self, copy, file):
        (copy / file).write_text('{"architecture": ', encoding="utf-8")
        refusal(copy)

    def test_truncated_codes_and_a_latent_too_few(self, copy):
        path = copy / "codes.safetensors"
        content = path.read_bytes()
        path.write_bytes(content[:20])
        refusal(copy)
        path.write_bytes(content)
        latents = json.loads((copy / "latents.json").read_bytes())
        (copy / "latents.json").write_text(json.dumps(latents[1:]), encoding="utf-8")
        assert "different numbers of latents" in refusal(copy)

    @pytest.mark.parametrize(
        ("file", "content"),
        [
            ("latents.json", "[1, 2]"),
            ("latents.json", "3"),
            ("config.json", "[]"),
            ("metrics.json", "[]"),
            ("metrics.json", "{}"),
        ],
    )
    def test_json_of_another_shape(self, copy, file, content):
        """Found when the bundle is read, not by the command or the page that first needs it."""
        (copy / file).write_text(content, encoding="utf-8")
        refusal(copy)

    @pytest.mark.parametrize(
        ("key", "value"),
        [("data", None), ("data", "celeba"), ("data", {"crop": "none"}), ("title", None)],
    )
    def test_config_that_lacks_what_is_read_of_it_later(self, copy, key, value):
        config = json.loads((copy / "config.json").read_bytes())
        (copy / "config.json").write_text(json.dumps({**config, key: value}), encoding="utf-8")
        assert "config.json has no title or data" in refusal(copy)

    @pytest.mark.parametrize(
        "change",
        [
            {"kl": "much"},
            {"low": None},
            {"tracks": 3},
            {"tracks": None},
            {"tracks": ["smiling"]},
            {"tracks": [{"name": "smiling"}]},
            {"tracks": [{"name": 3, "correlation": 0.5}]},
            {"tracks": [{"name": "smiling", "correlation": "high"}]},
        ],
        ids=str,
    )
    def test_latent_of_another_shape(self, copy, change):
        latents = json.loads((copy / "latents.json").read_bytes())
        latents[1].update(change)
        (copy / "latents.json").write_text(json.dumps(latents), encoding="utf-8")
        assert "row 1 of latents.json" in refusal(copy)

    def test_latents_out_of_order(self, copy):
        latents = json.loads((copy / "latents.json").read_bytes())
        (copy / "latents.json").write_text(json.dumps(latents[::-1]), encoding="utf-8")
        assert "different numbers of latents" in refusal(copy)

    @pytest.mark.parametrize(
        "name",
        ["no-such-bundle", "../weights", ".", "a/b", "\0", pytest.param("a" * 5000, id="long")],
    )
    def test_names_that_are_none(self, name, monkeypatch, tmp_path):
        monkeypatch.setenv("BETAVAE_WEIGHTS", str(tmp_path / "weights"))
        monkeypatch.chdir(tmp_path)
        refusal(name)

    def test_survey_keeps_the_good_and_names_the_bad(self, copy, monkeypatch):
        shutil.copytree(copy, copy.parent / "broken")
        (copy.parent / "broken" / "model.safetensors").unlink()
        monkeypatch.setenv("BETAVAE_WEIGHTS", str(copy.parent))
        good, bad = bundles.survey(expected=("wanted",))
        assert list(good) == ["tiny-beta-vae"]
        assert set(bad) == {"broken", "wanted"}


def test_latents_are_paired_by_what_they_do():
    one = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    other = torch.stack([one[:, 2], -one[:, 0], one[:, 1]], dim=1)
    pairs = pair_latents(one, other)
    assert [index for index, _ in pairs] == [1, 2, 0]
    assert [round(correlation, 4) for _, correlation in pairs] == [-1, 1, 1]


class TestCommands:
    def test_traverse_writes_a_picture(self, made, tmp_path, capsys):
        words = f"traverse {made[1]} --to {tmp_path / 'figure.png'} --latents 3 1 --output sample"
        assert cli.main([*words.split(), "--faces", "2"]) == 0
        with Image.open(tmp_path / "figure.png") as figure:
            wide, high = figure.size
        assert wide > 2 * 8 * 64 and high > 2 * 64
        assert f"2 latents, 2 faces, {wide}x{high}" in capsys.readouterr().out

    def test_compare_prints_both(self, made, copy, capsys):
        assert cli.main(["compare", str(made[1]), str(copy)]) == 0
        row = next(
            line for line in capsys.readouterr().out.splitlines() if line.startswith("psnr ")
        )
        assert len(row.split()) == 3

    def test_evaluate_dry_run_changes_nothing(self, made, copy, capsys):
        before = {path.name: path.read_bytes() for path in copy.iterdir()}
        assert cli.main(["evaluate", str(copy), "--data", str(made[2]), "--dry-run"]) == 0
        assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
        assert "smiling" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "words", [["traverse", "nothing-here"], ["traverse", "{bundle}", "--latents", "99"]]
    )
    def test_what_cannot_be_done_is_one_line(self, made, capsys, words):
        assert cli.main([word.format(bundle=made[1]) for word in words]) == 1
        assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture(scope="module")
def celeba():
    """The real pictures to train on and those held out, read once, by the user's own cache: a
    single test does not see it, and decoding 35,000 pictures once is enough. Nor are their axes
    found again for each model: those of the one that has most latents are enough for all."""
    found = cache(faces.principal_axes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faces, "principal_axes", lambda images, _, seed: found(images, 32, seed))
        yield [CelebA(REAL_DATA, split, progress=False) for split in ("train", "validation")]


FACES = [name for name in bundles.names() if name.startswith("celeba-")]


class TestServed:
    """What the repository's weights/ holds."""

    def test_every_bundle_loads_and_all_stay_small(self):
        good, bad = bundles.survey()
        assert {"celeba-vae", "celeba-beta-vae"} <= set(good) and not bad
        files = [path for path in bundles.root().rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) < 90_000_000

    @pytest.mark.slow
    @pytest.mark.skipif(not REAL_DATA.is_dir(), reason="needs CelebA in ../shared/data/celeba")
    @pytest.mark.parametrize("name", FACES)
    def test_scores_are_measured_again_on_celeba(self, name, celeba):
        bundle = bundles.load(name)
        again = evaluate_faces(bundle.vae, *celeba)
        for score, tolerance in bundle.metrics["tolerance"].items():
            stored = bundle.metrics["scores"][score]
            assert again["scores"][score] == pytest.approx(stored, abs=tolerance)
