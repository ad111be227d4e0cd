# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reload of the proxy ends when nobody works by the settings of before. A shell stands for nginx: a main process with workers."""

from __future__ import annotations

import functools
import importlib.util
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "roles/qdrant_proxy/files/stage.py"
# Two workers, and what becomes of them when the main process is told.
ENDS_LATER = "sleep 60 & a=$!; sleep 60 & b=$!; trap 'sleep 60 & (sleep 1; kill $a $b) &' HUP; echo ready; while :; do wait; done"
GOES_ON = "sleep 60 & trap ':' HUP; echo ready; while :; do wait; done"


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """The program, with two sets, of which one is the current."""
    spec = importlib.util.spec_from_file_location("stage", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RUN", str(tmp_path))
    for name, folder in (("current", "set-1"), ("next", "set-2")):
        (tmp_path / folder).mkdir()
        module.link(name, str(tmp_path / folder))
    return module


@pytest.fixture
def main_process():
    """What starts a shell as nginx would be started; all of them end with the test."""
    started = []

    def start(script: str) -> int:
        # A shell cannot trap what was ignored before it, as under nohup.
        heard = functools.partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)
        process = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heard)
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process.pid

    yield start
    for process in started:
        os.killpg(process.pid, 9)
        process.wait()


def test_workers_are_the_children_that_live(stage, main_process):
    main = main_process(GOES_ON)
    assert len(stage.workers(main)) == 1


def test_it_waits_until_the_workers_of_before_have_ended(stage, main_process, tmp_path):
    main = main_process(ENDS_LATER)
    before, began = stage.workers(main), time.monotonic()
    stage.replace(main, 30)
    assert time.monotonic() - began > 0.9
    assert len(before) == 2 and stage.workers(main) and not before & stage.workers(main)
    assert os.readlink(tmp_path / "current") == "set-2"


def test_a_set_that_workers_do_not_take_does_not_stay_the_current_one(stage, main_process, tmp_path):
    with pytest.raises(TimeoutError, match="still go by the settings of before"):
        stage.replace(main_process(GOES_ON), 1)
    assert os.readlink(tmp_path / "current") == "set-1"
