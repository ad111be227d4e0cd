# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is used of Ansible's own inside does what this collection needs of it, with the ansible-core at hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _ansible

PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") or name == "ANSIBLE_COLLECTIONS_PATH"}


@pytest.fixture
def run(tmp_path):
    """Run a play on this machine as somebody with a plain ansible.cfg would."""

    def run(tasks: list, inventory: str = "node1 ansible_connection=local", **environment: str) -> subprocess.CompletedProcess:
        (tmp_path / "ansible.cfg").write_text("[defaults]\n")
        (tmp_path / "hosts").write_text(inventory + "\n")
        (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        command = ["ansible-playbook", "-i", "hosts", "play.yml"]
        return subprocess.run(command, cwd=tmp_path, env={**PLAIN, **environment}, capture_output=True, text=True, timeout=120, check=False)

    return run


def module(tmp_path: Path, answer: str) -> str:
    """A module beside the play, which any task can call, and its name."""
    (tmp_path / "library").mkdir(exist_ok=True)
    (tmp_path / "library" / "hostile.py").write_text(f"#!/usr/bin/python3\nimport sys\nsys.stdin.read()\nprint({answer!r})\n")
    return "hostile"


def test_facts_of_an_earlier_task_that_replace_variables_are_refused(run, tmp_path):
    """Ansible's default, in every release of today: what any module returns outranks the inventory."""
    poison = module(tmp_path, json.dumps({"ansible_facts": {"company_ca": "/etc/shadow"}}))
    look = {"hardened.qdrant.qdrant_on_host": {"module": "ansible.builtin.command", "options": {"argv": ["id"]}}}
    result = run([{poison: {}}, look], "node1 ansible_connection=local company_ca=own")
    assert result.returncode == 2 and "Facts of node1 replace variables: company_ca" in result.stdout + result.stderr
    # Of another name they are nobody's business.
    harmless = module(tmp_path, json.dumps({"ansible_facts": {"colour": "red", "ansible_distribution": "Debian"}}))
    assert run([{harmless: {}}, look], "node1 ansible_connection=local company_ca=own").returncode == 0
    # This collection's are not the host's to say, whether set or not.
    own = module(tmp_path, json.dumps({"ansible_facts": {"qdrant_tls_provider": "csr"}}))
    assert "replace variables: qdrant_tls_provider" in run([{own: {}}, look]).stdout
    # Kept apart, they replace nothing.
    assert run([{own: {}}, look], "node1 ansible_connection=local company_ca=own", ANSIBLE_INJECT_FACT_VARS="false").returncode == 0


def test_neither_failed_when_nor_ignore_errors_let_a_hostile_answer_pass(run, tmp_path):
    """The host's own Python is what answers; here it is one that does."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncat >/dev/null\necho \'{"changed": false, "ansible_facts": {"x": 1}, "add_group": "g"}\'\n')
    python.chmod(0o755)
    task = {
        "hardened.qdrant.qdrant_on_host": {"module": "ansible.builtin.stat", "options": {"path": "/"}},
        "failed_when": False,
        "register": "x",
    }
    result = run([task, {"ansible.builtin.debug": {"msg": "went on"}}], f"node1 ansible_connection=local ansible_python_interpreter={python}")
    assert result.returncode == 2 and "went on" not in result.stdout
    assert "node1 is not to be trusted: its answer to ansible.builtin.stat tried to set the variables x" in result.stdout + result.stderr


@pytest.mark.parametrize(
    "answer",
    [
        '{"failed": true, "msg": "a\\u001b[2Jb\\u202e"}',
        '{"warnings": ["a\\u001b[2Jb\\u202e"], "deprecations": [{"msg": "\\u001b[2J", "version": "1"}], "msg": "\\u001b[2J", "exception": "\\u001b[2J"}',
        '{"changed": false} \x1b[2J\u202e junk after the answer',
        "no answer at all \x1b[2J\u202e",
    ],
)
def test_nothing_that_a_host_answers_steers_a_terminal(run, tmp_path, answer):
    (tmp_path / "answer").write_text(answer)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\ncat >/dev/null\ncat %s\n" % (tmp_path / "answer"))
    python.chmod(0o755)
    inventory = f"node1 ansible_connection=local ansible_python_interpreter={python}"
    for module_name in ("ansible.builtin.stat", "ansible.builtin.command"):
        options = {"argv": ["id"]} if module_name.endswith("command") else {"path": "/"}
        result = run([{"hardened.qdrant.qdrant_on_host": {"module": module_name, "options": options}, "register": "x"}], inventory)
        for text in (result.stdout, result.stderr):
            assert text.replace("\n", "").isprintable(), ascii(text)


def test_a_host_that_hangs_is_named_in_time(run, tmp_path):
    task = {"hardened.qdrant.qdrant_on_host": {"module": "ansible.builtin.command", "options": {"argv": ["sleep", "61.7"]}, "deadline": 3}}
    started = time.monotonic()
    result = run([task])
    assert time.monotonic() - started < 30
    assert "ansible.builtin.command did not end within 3 s (node1)" in result.stdout + result.stderr


def test_payloads_are_never_kept_on_hosts(run):
    result = run([{"hardened.qdrant.qdrant_on_host": {"module": "ansible.builtin.stat", "options": {"path": "/"}}}], ANSIBLE_KEEP_REMOTE_FILES="1")
    assert result.returncode == 2 and "ANSIBLE_KEEP_REMOTE_FILES is set" in result.stdout + result.stderr


def test_a_deadline_ends_programs_and_leaves_another_timer_alone():
    rang = []
    signal.signal(signal.SIGALRM, lambda *_: rang.append(True))
    signal.setitimer(signal.ITIMER_REAL, 30)
    started = time.monotonic()
    with pytest.raises(_ansible.DeadlineError):
        with _ansible.deadline(0.3):
            program = subprocess.Popen(["sleep", "30"])
            program.wait()
    assert program.wait(5) == -signal.SIGKILL and time.monotonic() - started < 10
    assert 0 < signal.setitimer(signal.ITIMER_REAL, 0)[0] <= 30 and not rang
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
