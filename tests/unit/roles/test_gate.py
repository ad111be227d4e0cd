# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate judges before the server is there, and what it says of one that ended. What it asks a server is tested on real ones."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _environment, _wire
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority

SOURCE = Path(__file__).parents[3] / "roles/qdrant/files/gate.py"
CA = _authority.create("test", datetime.now(UTC))[0]


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """The program, with credentials that let a node start."""
    for name, module in (("_wire", _wire), ("_environment", _environment)):
        monkeypatch.setitem(sys.modules, name, module)  # on a node they lie beside the gate
    spec = importlib.util.spec_from_file_location("gate", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    content = {"secrets.yaml": json.dumps({"service": {"api_key": "k" * 40}}), "tls.crt": CA, "tls.key": "key", "ca.crt": CA}
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    for name in ("MAINPID", "SSL_CERT_DIR", *_environment.foreign(os.environ)):
        monkeypatch.delenv(name, raising=False)
    return module


def check(gate, *words: str) -> None:
    gate.check(gate.parse(["check", *words]))


def refusal(gate) -> str:
    with pytest.raises(gate.Refused) as caught:
        check(gate, "--outbound")
    return str(caught.value)


def test_a_start_as_it_should_be(gate, tmp_path, monkeypatch):
    check(gate, "--outbound")
    (tmp_path / "outbound-ca.crt").write_text(CA)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "outbound-ca.crt"))
    check(gate, "--outbound")


def test_a_unit_of_an_earlier_version_starts_until_it_is_written_anew(gate, monkeypatch):
    """A run may be killed when it has brought the gate, and not yet the unit."""
    monkeypatch.delenv("SSL_CERT_FILE")
    check(gate)


def test_settings_from_outside_are_refused_by_name_alone(gate, monkeypatch):
    words = ("--outbound", "--environment=qdrant.service")
    monkeypatch.setenv("FOO", "bar")
    check(gate, *words)
    monkeypatch.setenv("qdrant__service__alt_api_key", "a-key-of-an-intruder")
    monkeypatch.setenv("LD_PRELOAD", "/tmp/x.so")
    with pytest.raises(gate.Refused) as caught:
        check(gate, *words)
    text = str(caught.value)
    assert "holds LD_PRELOAD, qdrant__service__alt_api_key, which" in text and "systemctl cat qdrant.service" in text
    assert "intruder" not in text and "/tmp" not in text and "FOO" not in text


@pytest.mark.parametrize("path", ["", "/etc/ssl/certs/ca-certificates.crt", "tls.crt"])
def test_trust_that_nobody_chose_is_refused(gate, tmp_path, monkeypatch, path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / path) if path and "/" not in path else path)
    assert "none of this start's credentials" in refusal(gate)


def test_a_folder_of_trust_is_refused(gate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_DIR", "/etc/ssl/certs")
    assert "SSL_CERT_DIR is set" in refusal(gate)


@pytest.mark.parametrize("text", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_trust_without_a_ca_is_refused(gate, tmp_path, text):
    (tmp_path / "ca.crt").write_text(text)
    assert "Qdrant does not start without one" in refusal(gate)


def test_a_bundle_that_was_not_handed_over_is_refused(gate, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "outbound-ca.crt"))
    assert "outbound-ca.crt cannot be read as CAs" in refusal(gate)


def test_of_a_server_that_ended_no_file_of_proc_is_said_to_be_missing(gate, tmp_path, monkeypatch, capsys):
    """A zombie, whose folder is still there and leads nowhere, and one that is gone."""
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    monkeypatch.setenv("MAINPID", str(ended.pid))
    words = ["gate", "probe", "--user=root", "--address=127.0.0.1", "--http-port=1"]
    monkeypatch.setattr(sys, "argv", words)
    for _state in ("zombie", "gone"):
        assert gate.main() == 1
        assert capsys.readouterr().err == "gate: the server has ended by itself; its last words are above\n"
        ended.wait()


def test_a_gate_that_cannot_judge_a_living_server_says_why(gate, monkeypatch, capsys):
    monkeypatch.setenv("MAINPID", str(os.getpid()))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/nonexistent")
    monkeypatch.setattr(sys, "argv", ["gate", "probe", "--user=root", "--address=127.0.0.1", "--http-port=1"])
    assert gate.main() == 1
    assert "cannot judge, so the node stays down: FileNotFoundError" in capsys.readouterr().err


def test_a_server_that_drips_is_not_waited_for_longer_than_one_that_is_silent(gate, monkeypatch):
    monkeypatch.setattr(_wire, "rest", functools.partial(_wire.rest, timeout=0.5))
    monkeypatch.setattr(_wire, "plaintext", functools.partial(_wire.plaintext, timeout=0.5))

    def drip(listener) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection) -> None:
        with connection, contextlib.suppress(OSError):
            for byte in b"\x16\x03\x03\x40\0\2\0\x3f\xfc" + b"x" * 200:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(gate.Refused, match=r"did not answer as it should \(timeout\)"):
            gate.wait_for_server(_wire.Target("127.0.0.1", listener.getsockname()[1]), _wire.Tls(ca_data=CA), 1)
        assert time.monotonic() - began < 5


def test_a_systemd_that_hangs_shuts_the_gate(gate, tmp_path, monkeypatch):
    hang(tmp_path, monkeypatch, "systemctl")
    monkeypatch.setattr(gate, "PATIENCE", 0.5)
    with pytest.raises(gate.Refused, match="systemctl show did not end within"):
        gate.record(gate.parse(["record", "--unit=qdrant.service", "--binary=/bin/true", "/etc/hostname"]))


def test_an_engine_that_hangs_does_not_hold_a_container_s_start(tmp_path, monkeypatch):
    hang(tmp_path, monkeypatch, "docker")
    spec = importlib.util.spec_from_file_location("container", SOURCE.with_name("container.py"))
    container = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(container)
    monkeypatch.setattr(container, "PATIENCE", 0.5)
    with pytest.raises(OSError, match=r"docker ps --all did not end within 0 seconds\. See systemctl status docker"):
        container.run("docker", "ps", "--all", "--quiet")


def hang(folder: Path, monkeypatch, program: str) -> None:
    """Have a program that hangs found first."""
    (folder / program).write_text("#!/bin/sh\nexec sleep 60\n")
    (folder / program).chmod(0o755)
    monkeypatch.setenv("PATH", "{}:{}".format(folder, os.environ["PATH"]))


def test_a_server_of_another_user_lives_even_where_proc_shows_nothing_of_it(gate, monkeypatch):
    """A host may hide other users' processes (hidepid), and the command that waits for a container is root's."""

    def refuses(_pid, _signal):
        raise PermissionError

    monkeypatch.setenv("MAINPID", str(os.getpid()))
    monkeypatch.setattr(gate.os, "kill", refuses)
    assert not gate.has_ended()
