"""The Results tab: three charts that answer, a table that sorts, filters and goes into a file."""

from __future__ import annotations

import csv
import io

import pytest

from betavae.study.table import read_study
from betavae.ui.parts import results


@pytest.fixture(scope="module")
def found(studio):
    study = read_study()
    return results.points(study, studio), results.rows(study, studio)


@pytest.fixture
def tab(page):
    page.get_by_role("tab", name="Results", exact=True).click()
    page.wait_for_selector("#headline table")
    return page


def test_each_question_is_answered_by_a_chart_and_a_sentence(tab, found):
    points, _ = found
    said = results.sentences(points, "mig")
    assert tab.locator(".answer").all_inner_texts() == [said["beta"], said["cost"], said["which"]]
    swept = [p for p in points if p["plain"] and p["objective"] == "beta-vae"]
    assert tab.locator("#sweep circle").count() == len(swept)
    assert tab.locator("#rate-distortion circle").count() == len(points)
    tab.get_by_label("Measured by").select_option(label="β-VAE metric, 4 factors")
    said = results.sentences(points, "beta-vae-paper")
    assert tab.locator(".answer").first.inner_text() == said["beta"]
    # The paper's own numbers are lines.
    assert "Higgins et al." in tab.locator("#sweep").inner_text()


def test_a_run_that_is_served_shows_its_pictures_when_it_is_clicked(tab, found):
    points, _ = found
    kept = [p for p in points if p["served"]]
    assert tab.locator("#rate-distortion .kept").count() == len(kept) > 3
    tab.locator("#rate-distortion .kept").first.press("Enter")
    tab.wait_for_selector(".picked img")
    assert tab.locator(".picked img").count() == 2
    other = tab.locator("#rate-distortion .run:not(.kept)").first
    other.press("Enter")
    assert "Only its numbers are kept" in tab.locator(".picked").inner_text()


def names_shown(page) -> list[str]:
    return page.locator("#headline tbody th").all_inner_texts()


def test_the_table_sorts_filters_and_is_downloaded_as_it_is_seen(tab, found):
    _, rows = found
    usual = [r for r in rows if r["data"] == "shapes2d" and not r["long"]]
    assert names_shown(tab) == [row["name"] for row in usual]
    tab.get_by_role("button", name="MIG").click()
    known = [r for r in usual if r["cells"]["mig"][1] is not None]
    best = sorted(known, key=lambda row: -row["cells"]["mig"][1])
    assert names_shown(tab)[: len(best)] == [row["name"] for row in best]
    tab.locator("#results-length").get_by_text("all").click()
    tab.get_by_label("served only").check()
    assert len(names_shown(tab)) == sum(bool(r["served"]) for r in rows if r["data"] == "shapes2d")
    tab.get_by_role("button", name="Columns").click()
    tab.get_by_label("Modularity").check()
    tab.keyboard.press("Escape")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="CSV").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    lines = list(csv.reader(io.StringIO(text)))
    assert [line[0] for line in lines[1:]] == names_shown(tab)
    assert "Modularity ↑" in lines[0] and len({len(line) for line in lines}) == 1
    tab.locator("#results-data").get_by_text("Faces").click()
    assert names_shown(tab) == [row["name"] for row in rows if row["data"] == "celeba"]


def test_on_a_phone_each_chart_fits_with_its_legend(phone):
    phone.get_by_role("tab", name="Results", exact=True).click()
    phone.wait_for_selector("#headline table")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for card in phone.locator(".card").all():
        box, chart = card.bounding_box(), card.locator("svg").first.bounding_box()
        assert box["width"] <= 390 and chart["width"] <= box["width"]
        for mark in card.locator(".legend li").all():
            place = mark.bounding_box()
            assert place["x"] >= 0 and place["x"] + place["width"] <= 390


class TestSentences:
    def points(self, *runs):
        return [
            {
                "name": "", "kind": f"β = {beta}", "objective": "beta-vae", "beta": float(beta),
                "plain": True, "kl": 20.0 / beta, "reconstruction": 50.0 * beta,
                "scores": {"mig": mig},
            }
            for beta, mig in runs
        ]  # fmt: skip

    def test_a_rise_beyond_the_seeds_is_a_yes(self):
        said = results.sentences(self.points((1, 0.1), (1, 0.12), (4, 0.4), (4, 0.42)), "mig")
        assert said["beta"] == "Yes: MIG goes from 0.110 at β = 1 to 0.410 at β = 4."
        assert "from 20.0 to 5.0 nats" in said["cost"] and "from 50 to 200 nats" in said["cost"]
        assert said["which"].endswith("the next, β = 1, has 0.110.")

    def test_a_rise_within_the_seeds_is_hardly_one(self):
        said = results.sentences(self.points((1, 0.1), (1, 0.3), (4, 0.25), (4, 0.28)), "mig")
        assert said["beta"].startswith("By this score, hardly") and "overlap" in said["which"]

    def test_a_fall_is_a_no(self):
        said = results.sentences(self.points((1, 0.3), (4, 0.2)), "mig")
        assert said["beta"].startswith("By this score, no")
