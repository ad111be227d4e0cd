# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stages a change reaches."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

_PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module", name="reach")
def _reach() -> ModuleType:
    """scripts/lib/reach, which is a program without a suffix."""
    loader = importlib.machinery.SourceFileLoader("reach", str(_PROJECT / "scripts/lib/reach"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("reach", loader))
    loader.exec_module(module)
    return module


def test_every_file_is_mapped(reach: ModuleType) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=_PROJECT, capture_output=True, text=True, check=True).stdout
    unknown = []
    for path in listed.rstrip("\0").split("\0"):
        try:
            reach.stages_of(path)
        except KeyError:
            unknown.append(path)
    assert unknown == [], "say in scripts/lib/reach which stages they reach"


def test_the_stages_are_those_of_the_suite(reach: ModuleType) -> None:
    stages = reach.all_stages()
    named = {stage for _pattern, found in reach.STAGES for stage in found or ()} | set(reach.QUICK)
    assert len(stages) > 15 and named <= set(stages)
    functions = re.findall(r"^run_(\w+)\(\)", (_PROJECT / "scripts/test").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(functions) == sorted(stages)


def test_each_scenario_and_its_tests_reach_the_stage_that_runs_it(reach: ModuleType) -> None:
    for scenario in sorted(path.parent.name for path in (_PROJECT / "molecule").glob("*/molecule.yml")):
        stage = scenario.replace("-", "_")
        assert stage in reach.stages_of(f"molecule/{scenario}/molecule.yml")
        assert stage in reach.stages_of(f"tests/live/{scenario}/test_x.py")
        assert stage in reach.stages_of("molecule/shared/verify.yml") and stage in reach.stages_of("tests/live/conftest.py")


def test_what_is_reached_comes_in_the_suites_order(reach: ModuleType) -> None:
    everything = ["unit", "lint", "sanity", "build", "report", "kubernetes", "access", "hostile"]
    assert reach.reached([], everything) == []
    assert reach.reached(["docs/roles.md"], everything) == ["unit", "lint", "sanity", "build"]
    assert reach.reached(["tests/live/hostile/attacker.py", "tests/report/conftest.py"], everything) == [
        "unit", "lint", "sanity", "build", "report", "hostile",
    ]  # fmt: skip
    assert reach.reached(["plugins/module_utils/_wire.py"], everything) == everything


def test_a_file_that_nobody_knows_reaches_all_and_is_named(reach: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    everything = reach.all_stages()
    assert reach.reached(["README.md", "new/thing"], everything) == everything
    assert capsys.readouterr().err == "new/thing: not in the table of scripts/lib/reach, so all stages\n"


def test_a_change_is_commits_and_the_work_tree(reach: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--initial-branch=main")
    for name in ("kept", "edited", "moved", "gone", ".gitignore"):
        (tmp_path / name).write_text("ignored\n")
    git("add", ".")
    git("commit", "-m", "one")
    git("checkout", "-b", "change")
    git("mv", "moved", "there")
    git("commit", "-m", "two")
    (tmp_path / "edited").write_text("other\n")
    (tmp_path / "gone").unlink()
    (tmp_path / "new").write_text("")
    (tmp_path / "ignored").write_text("")
    monkeypatch.setattr(reach, "PROJECT", tmp_path)
    assert reach.changed("main") == ["edited", "gone", "moved", "new", "there"]
    with pytest.raises(SystemExit, match="nowhere"):
        reach.changed("nowhere")


def test_the_suite_runs_nothing_where_nothing_changed(tmp_path: Path) -> None:
    """With a copy of the programs in a repository of its own."""
    (tmp_path / "scripts/lib").mkdir(parents=True)
    (tmp_path / "tests/testbed").mkdir(parents=True)
    for name in ("scripts/test", "scripts/lib/reach", "tests/testbed/testbed"):
        shutil.copy(_PROJECT / name, tmp_path / name)
    for words in (["init", "--initial-branch=main"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-m", "one"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    result = subprocess.run([tmp_path / "scripts/test", "--changed"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.splitlines()) == (0, ["Nothing differs from main.", "0 passed, 0 failed"])
    result = subprocess.run([tmp_path / "scripts/test", "--changed", "unit"], capture_output=True, text=True, check=False)
    assert result.returncode == 2 and "--changed chooses the stages" in result.stderr
