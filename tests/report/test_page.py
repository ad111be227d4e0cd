# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page in a real browser: it asks nobody for anything, runs without an error, and its filters filter."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

SHOTS = Path(__file__).parents[1] / "output" / "page"


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        # Without its own sandbox where root starts it, as on a CI machine: it shows one file of ours.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, folder):
    """The page, and what it complained of and asked for."""
    page = browser.new_page()
    page.complaints, page.requests = [], []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto((folder / "report.html").as_uri())
    yield page
    assert page.complaints == []
    assert page.requests == [(folder / "report.html").as_uri()]
    page.close()


def shown(page) -> list[dict]:
    return page.eval_on_selector_all("#findings details:not([hidden])", "rows => rows.map(row => ({...row.dataset}))")


def test_all_findings_are_there(page, report):
    assert len(shown(page)) == sum(map(len, report.findings.values()))
    assert page.inner_text("#shown") == "%d of %d shown" % (len(shown(page)), len(shown(page)))
    assert page.title() == "Qdrant verification: NOT VERIFIED"


@pytest.mark.parametrize(("field", "value"), [("host", "node2"), ("state", "failed"), ("state", "waived"), ("severity", "critical")])
def test_each_filter(page, report, field, value):
    everything = shown(page)
    page.select_option("#" + field, value)
    assert shown(page) == [row for row in everything if row[field] == value] != []
    page.select_option("#" + field, "")
    assert shown(page) == everything


def test_filters_together_and_by_text(page):
    everything = shown(page)
    page.select_option("#host", "node1")
    page.fill("#text", "TLS-rest")
    assert shown(page) == [row for row in everything if row["host"] == "node1" and "tls-rest" in row["text"]] != []
    page.fill("#text", "no such control")
    assert shown(page) == [] and page.inner_text("#shown").startswith("0 of")


def test_what_failed_is_open_and_says_what_to_do(page):
    page.select_option("#state", "failed")
    row = page.query_selector("details[data-text^='auth-grpc-anonymous'][data-host=node2]")
    assert row.get_attribute("open") is not None
    text = row.inner_text()
    assert "Remedy:" in text and "status 0" in text


def test_the_matrix_has_every_control_and_node(page, report):
    page.click("#matrix summary")
    assert page.locator("#matrix tbody tr, #matrix table > tr").count() >= len(next(iter(report.findings.values())))
    assert page.locator("#matrix th").all_inner_texts()[1:] == ["node1", "node2", "node3"]


def test_drift_certificates_and_reach_are_drawn(page):
    assert "files.secrets.mode" in page.inner_text("#drift")
    assert page.locator(".time .soon").count() == 1
    assert page.locator("svg.reach line.open").count() > 0 and page.locator("svg.reach line.shut").count() > 0
    assert page.locator("figure figcaption").all_inner_texts() == ["IPv4", "IPv6"]
    # The outsider that reaches one node's cluster port, and over IPv6 its REST port, and nothing else; and what a hostile one says instead of an outcome.
    unseen = "0 of 3 open, 1 not seen"
    for family, titles in (("IPv4", [unseen, unseen, "1 of 3 open, 1 not seen"]), ("IPv6", ["1 of 2 open"])):
        drawing = page.locator("figure", has=page.locator("figcaption", has_text=family))
        assert drawing.locator("line.wrong title").all_text_contents() == titles and drawing.locator("line.shut.wrong").count() == titles.count(unseen)


def test_the_matrix_of_who_reaches_what_is_by_port_and_family(page):
    rows = page.locator("#reached tr")
    assert rows.nth(0).locator("th").all_inner_texts() == ["", "REST", "gRPC", "cluster port"]
    assert rows.nth(1).locator("th").all_inner_texts() == ["who", *["IPv4", "IPv6"] * 3]
    cells = {row.locator("td").first.inner_text(): row.locator("td") for row in rows.all()[2:]}
    assert list(cells) == ["clients", "peers", "outsiders"]
    unseen = "0 of 3 open, 1 not seen"
    assert cells["outsiders"].all_inner_texts()[1:] == [unseen, "1 of 2 open", unseen, "0 of 2 open", "1 of 3 open, 1 not seen", "0 of 2 open"]
    assert [cell.get_attribute("class") for cell in cells["outsiders"].all()[1:]] == ["failed", "failed", "failed", "passed", "failed", "passed"]
    assert page.locator("#connections table").is_visible(), "some are wrong, so they are shown"
    lacking = page.locator("#connections tr", has_text="no address")
    assert lacking.count() == 4 and {cell.get_attribute("class") for cell in lacking.first.locator("td").all()[3:]} == {"waived"}


def test_tables_scroll_on_a_phone_instead_of_breaking_words(browser, folder):
    context = browser.new_context(viewport={"width": 390, "height": 900})
    page = context.new_page()
    page.goto((folder / "report.html").as_uri())
    assert max(page.eval_on_selector_all(".scroll th", "cells => cells.map(cell => cell.getBoundingClientRect().height)")) < 60
    context.close()


def test_what_a_server_sent_stays_text(page):
    assert page.title().startswith("Qdrant verification")
    assert page.locator("script").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width"), [("desktop", 1280), ("phone", 390)])
def test_it_fits_and_can_be_read(browser, folder, scheme, name, width):
    """Nothing is wider than the window; text and ground differ as WCAG 2.1 asks for (4.5 to 1)."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto((folder / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / (f"{name}-{scheme}.png"), full_page=False)
    ratios = page.evaluate(
        """() => {
          const channel = (value) => { value /= 255; return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };
          const light = (color) => {
            const [r, g, b] = color.match(/[0-9.]+/g).map(Number).map(channel);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const ground = light(getComputedStyle(document.body).backgroundColor);
          const against = (color) => { const other = light(color); return (Math.max(other, ground) + 0.05) / (Math.min(other, ground) + 0.05); };
          return ["body", ".passed", ".failed", ".waived", ".quiet"].map((name) => against(getComputedStyle(document.querySelector(name)).color));
        }"""
    )
    assert min(ratios) >= 4.5, ratios
    context.close()


def test_it_prints(browser, folder):
    page = browser.new_page()
    page.goto((folder / "report.html").as_uri())
    page.emulate_media(media="print")
    assert not page.is_visible(".filters")
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()
