"""The front door: README's figures are the cards', its links lead somewhere, its code runs; and the
studies' reports are what the command writes."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image
from test_commands import commands

from betavae import bundles, cli
from betavae.commands.grid import runs_of
from betavae.metrics import codes
from betavae.study import report
from betavae.study.kinds import row_kind
from betavae.study.quoting import DIGITS, quoted_bundle
from betavae.study.reflow import WIDTH, reflowed
from betavae.study.table import read_study

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "tests/benchmarks/README.md"] + [
    f"weights/{name}-study/README.md" for name in report.STUDIES
]
SCORES = {  # a column of README's tables -> the score, and its digits there
    "PSNR, dB": ("psnr", 2),
    "KL, nats": ("kl", 1),
    "active latents": ("active_latents", 0),
    "that track one attribute": ("attribute_latents", 0),
    "−log p, nats": ("reconstruction", 1),
    "MIG": ("mig", 3),
    "DCI": ("dci", 3),
}
NO_SCORE = {"127.0.0.1", "0.0.0.0", "Apache-2.0"}  # what else has a decimal point


def prose(text: str) -> str:
    """The page without front matter and code."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def quoted_rows(text: str) -> list[tuple[str, dict[str, str]]]:
    """(model, {heading: cell}) of each row of a table whose first column is `model`."""
    rows, head = [], []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            head = []
        elif not head:
            head = cells
        elif (found := re.match(r"\[?`([\w-]+)`", cells[0])) and head[0] == "model":
            rows.append((found[1], dict(zip(head[1:], cells[1:], strict=True))))
    return rows


def test_it_is_read_in_a_few_minutes():
    assert len(README.splitlines()) <= 150


def test_every_score_is_that_of_the_card():
    rows = quoted_rows(README)
    assert len(rows) >= 5
    for name, cells in rows:
        bundle = bundles.load(name)
        assert cells.pop("objective") == bundle.title
        for heading, cell in cells.items():
            score, digits = SCORES[heading]
            assert cell == f"{bundle.metrics['scores'][score]:.{digits}f}", f"{name}: {heading}"


def test_no_score_stands_where_the_card_is_not_asked():
    text = "\n".join(line for line in prose(README).splitlines() if not line.startswith("| `"))
    for word in NO_SCORE:
        text = text.replace(word, "")
    assert re.findall(r"\d+\.\d+", text) == []


def test_what_it_counts_is_there():
    configs = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in bundles.root().glob("*/config.json")
    }
    faces = sum(name.startswith("celeba-") for name in configs)
    objectives = {config["training"]["objective"] for config in configs.values()}
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    text = " ".join(README.split())
    assert f"has {words[faces]} models" in text
    assert f"has {len(read_study()['models'])} kinds of model" in text
    assert f"{words[len(objectives - {'beta-vae', 'vae'})]} other objectives" in text


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    text = (PROJECT / page).read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in prose(text).splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", prose(text)):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("http"):
            assert ((PROJECT / page).parent / target).exists(), target


def test_every_file_and_room_it_names_is_there():
    rooms = re.findall(r"^\| (`\w+/`.*?) \|", README, re.MULTILINE)
    named = {room for cell in rooms for room in re.findall(r"`(\w+)/`", cell)}
    there = {path.parent.name for path in (PROJECT / "betavae").glob("*/__init__.py")}
    assert named == there


def test_the_picture_moves_and_is_small():
    path, *_ = re.findall(r"^!\[[^\]]+\]\(([^)]+)\)", README, re.MULTILINE)
    picture = Image.open(PROJECT / path)
    assert picture.n_frames > 20 and picture.info["loop"] == 0
    assert (PROJECT / path).stat().st_size < 2_000_000


def test_its_python_runs(monkeypatch):
    """Both examples of the module, as they stand there, on fewer pictures; the API's has tests of
    its own."""
    monkeypatch.setattr(codes, "TRAIN", 400)
    monkeypatch.setattr(codes, "TEST", 200)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    examples = [block for block in blocks if "gradio_client" not in block]
    assert len(examples) == 2 and all(len(block.splitlines()) <= 10 for block in examples)
    names = {}
    for block in examples:
        exec(block, names)
    assert names["faces"].shape == (8, 3, 64, 64)
    assert names["posterior"].mean.shape == (8, 32)
    assert 0 < names["scores"]["mig"]["score"] < 1


def test_the_code_has_a_licence_and_so_have_the_weights():
    licence = (PROJECT / "betavae" / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence and "Version 2.0, January 2004" in licence
    for name in bundles.names():
        card = (bundles.root() / name / "README.md").read_text(encoding="utf-8")
        told = re.search(r"^license(?:_name)?: (?!other)(.*)$", card, re.MULTILINE)[1]
        assert told == ("mit" if name.startswith("shapes2d-") else "non-commercial-research")


@pytest.mark.parametrize("name", report.STUDIES)
def test_a_study_s_report_is_what_the_command_writes(name):
    path = bundles.root() / f"{name}-study" / "README.md"
    assert path.read_text(encoding="utf-8") == report.report(name), (
        "python -m betavae study --report writes it"
    )


def test_a_report_quotes_the_stored_scores():
    page = (bundles.root() / "celeba-study" / "README.md").read_text(encoding="utf-8")
    rows = dict(quoted_rows(page))
    assert set(rows) == {name for name in bundles.names() if name.startswith("celeba-")}
    for name, cells in rows.items():
        scores = bundles.load(name).metrics["scores"]
        for heading, cell in list(cells.items())[1:]:
            score = {title: key for key, title in report.FACES}[heading]
            assert cell == f"{scores[score]:.{DIGITS.get(score, 3)}f}"


@pytest.fixture
def studies(tmp_path, monkeypatch) -> Path:
    """A copy of what the reports are written from, as the root of the bundles."""
    for path in bundles.root().glob("*/*.json"):
        copy = tmp_path / path.relative_to(bundles.root())
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    monkeypatch.setenv("BETAVAE_WEIGHTS", str(tmp_path))
    return tmp_path


def change(path: Path, *keys, value) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(content), encoding="utf-8")


def test_one_command_renews_reports_and_figures_without_any_run(studies, capsys):
    change(studies / "celeba-beta-vae" / "metrics.json", "scores", "psnr", value=17.0049)
    assert cli.main(["study", "--report"]) == 0
    page = (studies / "celeba-study" / "README.md").read_text(encoding="utf-8")
    before = (PROJECT / "weights" / "celeba-study" / "README.md").read_text(encoding="utf-8")
    assert page.count("17.00") == before.count("17.34") == 3, "in the table and in two sentences"
    assert "17.34" not in page
    figures = {path.name for path in (studies / "shapes2d-study").glob("*.png")}
    assert figures == {"curves.png", "sweep.png", "rate-distortion.png"}


def test_a_sentence_that_no_longer_holds_is_named(studies, capsys):
    change(studies / "celeba-beta-tcvae" / "metrics.json", "scores", "kl", value=123.0)
    with pytest.raises(report.StaleReport, match=r"says .*less than half of the VAE"):
        report.report("celeba")
    assert cli.main(["study", "--report"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(studies.glob("*-study/README.md")), "all reports are written, or none"


def test_a_study_without_a_quoted_model_is_refused(studies):
    path = studies / "shapes2d-study" / "study.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["models"]
    change(path, "models", value=[row for row in rows if row["architecture"] == "conv"])
    with pytest.raises(report.StaleReport, match=r"lack.*mlp-beta-vae-beta1"):
        report.report("shapes2d")


def test_the_commands_of_the_report_make_the_study():
    """Every grid that it names, planned: the runs are those of study.json, trained as it says."""
    study = read_study()
    rows = {row_kind(row): row for row in study["models"]}
    planned = {}
    for line in commands((bundles.root() / "shapes2d-study" / "README.md").read_text("utf-8")):
        options = cli._parser().parse_args(shlex.split(line)[3:])
        if hasattr(options, "seeds"):
            planned |= {run.folder.name: run.config for run in runs_of(options)}
    expected = {f"{kind}-seed{seed}": rows[kind] for kind in rows for seed in rows[kind]["seeds"]}
    assert set(planned) == set(expected)
    for name, row in expected.items():
        for setting in ("steps", "batch_size", "optimiser", "learning_rate"):
            assert getattr(planned[name], setting) == row[setting], name


def test_paragraphs_are_wrapped_and_nothing_else():
    long = " ".join(["word"] * 60)
    code = f"```sh\n{long}\n```\n"
    page = f"# {long}\n\n{long}\n\n- {long}\n- b\n\n| {long} |\n| b |\n\n![{long}](a.png)\n\n{code}"
    found = reflowed(page)
    assert found.split() == page.split() and reflowed(found) == found
    assert f"# {long}\n\n" in found and f"| {long} |\n| b |\n" in found and code in found
    assert f"![{long}](a.png)" in found and "\n- b\n" in found
    paragraph, items = found.split("\n\n")[1:3]
    assert max(map(len, paragraph.splitlines())) <= WIDTH and paragraph.count("\n") == 2
    assert items.splitlines()[1].startswith("  word")


def test_a_model_of_every_beta_is_told_by_how_far_it_is_off():
    def point(**scores: float) -> dict[str, float]:
        return {"kl": 10.0, "mse_mean": 0.02, "mse_sample": 0.03, "loss": 100.0} | scores

    single = [{"beta": 4.0, **point(), "dial": point(kl=12.0, mse_mean=0.01, loss=98.5)}]
    config = {"title": "", "seconds": 0, "training": {}, "data": {}}
    off = {"kl": 20, "mse_mean": -50, "mse_sample": 0, "loss": -1.5}
    quoted = quoted_bundle(config, {"scores": {}, "rates": {"single": single}})
    assert quoted.beside == {4.0: pytest.approx(off)}
    assert quoted_bundle(config, {"scores": {}}).beside == {}
