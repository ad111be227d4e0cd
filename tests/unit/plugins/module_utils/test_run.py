# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs get no more time than they may take, and nothing that they print is lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _container, _image, _node, _run

SOON = 10.0  # seconds, for a busy machine; what hangs below does so for a minute
HANGS = {
    "silent": "sleep 60",
    "deaf": "trap '' TERM INT HUP; while :; do sleep 60; done",
    "talks": "while :; do echo x; sleep 0.1; done",
    "closed its output": "exec >&- 2>&-; sleep 60",
    "waits for a child": "sleep 60 & wait",
    "child in the background": "sleep 60 & sleep 60",
}


def shell(script: str, seconds: float = 30.0) -> tuple[int, str, str]:
    return _run.within(seconds)(["sh", "-c", script])


@pytest.mark.parametrize("name", HANGS)
def test_what_hangs_is_killed_with_its_children(tmp_path, name):
    pids, began = tmp_path / "pids", time.monotonic()
    # The group of processes is the shell's own.
    script = f"echo $$ > {pids}\n{HANGS[name]}"
    with pytest.raises(TimeoutError, match=r"^sh -c did not end within 1 seconds, and was killed\. See dmesg"):
        shell(script, 1.0)
    assert time.monotonic() - began < SOON
    # The kernel ends what is killed when it comes to it.
    while living(int(pids.read_text())):
        assert time.monotonic() - began < 2 * SOON
        time.sleep(0.05)


def living(group: int) -> list[str]:
    """The processes of a group that are not yet only remembered (proc(5), stat)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, of, *_rest = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(of) == group and state not in "ZX":
            found.append(path.parent.name)
    return found


def test_a_program_that_hangs_is_named_with_what_to_look_at(tmp_path, monkeypatch):
    (tmp_path / "docker").write_text("#!/bin/sh\nsleep 60\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setitem(_run.ENVIRONMENT, "PATH", "{}:{}".format(tmp_path, _run.ENVIRONMENT["PATH"]))
    run = _run.within(0.5)
    with pytest.raises(OSError, match=r"docker container did not end within .* journalctl -u docker"):
        _container.inspect(run)
    with pytest.raises(_image.ImageError, match=r"docker create did not end within"):
        _image.docker(run, "create", "image")
    # That is not an image that is missing.
    with pytest.raises(OSError, match="did not end"):
        _node.has_image("sha256:0", run)


def test_a_program_that_floods_is_killed(monkeypatch):
    monkeypatch.setattr(_run, "LONGEST", 1 << 20)
    with pytest.raises(OSError, match=r"^yes x printed more than 1048576 bytes, and was killed$"):
        _run.within(60)(["yes", "x"])


def test_nothing_is_lost():
    """Of what is long, of what comes at the very end, after silence, and of both outputs."""
    assert shell("head -c 3000000 /dev/zero | tr '\\0' x") == (0, "x" * 3000000, "")
    for pause in ("0", "0.19", "0.2", "0.21", "1"):
        assert shell(f"sleep {pause}; printf a; printf b >&2; exit 3") == (3, "a", "b")
    assert shell("printf '\\377'")[1] == "\ufffd"


def test_what_a_program_leaves_behind_is_not_waited_for():
    began = time.monotonic()
    assert shell("sleep 5 & echo done") == (0, "done\n", "")
    assert time.monotonic() - began < 4


def test_a_program_has_no_input_and_no_terminal():
    assert _run.ask(["cat"]) == (0, "", "")
    assert shell("test $$ = $(ps -o sid= -p $$)")[0] == 0


def test_modules_find_the_administrators_programs_and_read_english(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    code, output, _error = _run.change(["env"])
    assert code == 0 and {"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"} <= set(output.splitlines())


def test_a_program_that_is_missing_is_an_error_that_can_be_told_from_others(tmp_path, monkeypatch):
    monkeypatch.setitem(_run.ENVIRONMENT, "PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        _run.ask(["docker"])
    assert _node.has_image("sha256:0", _run.ask) is False


def test_questions_get_less_time_than_changes_and_images():
    assert _run.QUESTION < _run.CHANGE < _run.IMAGE


def test_a_systemd_that_says_nothing_is_no_unit_that_is_up_to_date():
    with pytest.raises(OSError, match="said nothing of qdrant.service"):
        _node.unit_state("qdrant.service", lambda arguments: (0, "\n", ""))
