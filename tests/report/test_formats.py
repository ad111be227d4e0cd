# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats that programs read, read by other programs than ours."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path

import jsonschema

TESTBED = Path(__file__).parents[1] / "testbed/testbed"


def sarif(path: Path) -> list[str]:
    """What the format's schema says against a file."""
    schema = subprocess.run([TESTBED, "artefact", "sarif"], check=True, capture_output=True, text=True).stdout.strip()
    validator = jsonschema.Draft202012Validator(json.loads(Path(schema).read_text(encoding="utf-8-sig")))
    return [error.message for error in validator.iter_errors(json.loads(path.read_text(encoding="utf-8")))]


def test_sarif_is_valid(folder):
    assert sarif(folder / "report.sarif") == []


def test_the_schema_is_not_pleased_by_everything(folder, tmp_path):
    content = json.loads((folder / "report.sarif").read_text(encoding="utf-8"))
    content["runs"][0]["results"][0]["level"] = "dreadful"
    (tmp_path / "bad.sarif").write_text(json.dumps(content), encoding="utf-8")
    assert sarif(tmp_path / "bad.sarif")


def test_junit_is_well_formed_and_counts_what_the_report_counts(folder, report):
    root = xml.parse(folder / "junit.xml").getroot()
    failures = sum(int(suite.get("failures")) for suite in root)
    assert failures == len(root.findall("*/*/failure")) == report.counts()["failed"] > 0


def test_no_format_holds_what_is_no_text(folder):
    for path in folder.iterdir():
        assert "\0" not in path.read_text(encoding="utf-8").replace("\\u0000", ""), path.name
