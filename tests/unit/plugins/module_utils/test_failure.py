# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a node did not start, from lines of the journal as real starts left them."""

from __future__ import annotations

import json

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _failure
from hypothesis import given
from hypothesis import strategies as st

STARTING, FAILED = ("systemd", "Starting qdrant.service - Qdrant vector database..."), ("systemd", "qdrant.service: Failed with result 'exit-code'.")
ENDED = ("python3", "gate: the server has ended by itself; its last words are above")
PANIC = "\x1b[31mERROR\x1b[0m qdrant::startup: Panic occurred in file src/common/inference/service.rs at line 98: No CA certificates were loaded"
EXITED = {"ExecMainCode": "1", "ExecMainStatus": "101"}
STOPPED = {"ExecMainCode": "2", "ExecMainStatus": "15"}


def journal(*entries: tuple[str, object]) -> str:
    return "\n".join(json.dumps({"SYSLOG_IDENTIFIER": program, "MESSAGE": message}) for program, message in entries)


def cause(*entries: tuple[str, object], properties: dict | None = None) -> dict:
    return _failure.cause(_failure.of_last_start(_failure.lines(journal(*entries))), properties or {})


def test_a_server_that_ends_at_once_is_quoted_with_what_to_do():
    found = cause(STARTING, ("qdrant", "INFO qdrant: Version: 1.19.0"), ("qdrant", PANIC), ("qdrant", "WARN qdrant: bye"), ENDED, FAILED, properties=EXITED)
    assert found["who"] == "server" and found["cause"].startswith("The server ended by itself (exit code 101, a panic). Its last words: ERROR qdrant::startup")
    assert "No CA certificates were loaded" in found["cause"] and "\x1b" not in found["cause"] and "systemctl cat qdrant" in found["remedy"]


def test_the_server_is_quoted_without_a_word_of_the_gate():
    """Systemd may end the gate with the server."""
    found = cause(STARTING, ("docker", "Error: Address already in use (os error 98)"), FAILED, properties={"ExecMainCode": "1", "ExecMainStatus": "1"})
    assert found["who"] == "server" and "(exit code 1)" in found["cause"] and "ss -ltnp" in found["remedy"]


def test_a_binary_that_cannot_run_is_not_blamed_on_the_server_before_it():
    """The server that ran until the restart had its own errors, of peers that were away for instance."""
    before = [STARTING, ("systemd", "Started qdrant.service - Qdrant."), ("qdrant", "ERROR cannot reach https://192.0.2.1: raft_state"), ("qdrant", "SIGTERM")]
    stopped = ("systemd", "Stopped qdrant.service - Qdrant.")
    ended = ("systemd", "qdrant.service: Main process exited, code=exited, status=203/EXEC")
    found = cause(*before, stopped, STARTING, ended, FAILED, properties={"ExecMainCode": "1", "ExecMainStatus": "203"})
    assert found["who"] == "systemd" and "status=203/EXEC" in found["cause"] and "another architecture" in found["remedy"]
    # Nor where nothing but a dependency failed.
    found = cause(*before, stopped, STARTING, ("systemd", "Dependency failed for qdrant.service - Qdrant."))
    assert found["who"] == "systemd" and "raft_state" not in found["cause"] and "qdrant-firewall" in found["remedy"]


def test_a_server_that_was_refused_is_not_said_to_have_ended():
    refused = ("python3", "gate: REST answered a request without a key with HTTP 200 instead of 401")
    found = cause(STARTING, ("qdrant", "INFO ready"), refused, FAILED, properties=STOPPED)
    assert found["who"] == "gate" and found["cause"] == "Its gate refused it: REST answered a request without a key with HTTP 200 instead of 401"


def test_a_server_that_runs_by_half_is_quoted_too():
    """It goes on without one of its ports, and the gate sees that nobody answers."""
    clash = ("qdrant", "ERROR qdrant: Error while starting REST server: Address already in use (os error 98)")
    found = cause(STARTING, clash, ("python3", "gate: REST on port 6333 did not answer as it should (reset)"), FAILED, properties=STOPPED)
    assert "gate refused it: REST on port 6333" in found["cause"] and "Address already in use" in found["cause"] and "ss -ltnp" in found["remedy"]


def test_a_file_that_systemd_cannot_hand_over():
    found = cause(STARTING, ("systemd", "qdrant.service: Failed to set up credentials: No such file or directory"), FAILED)
    assert found["who"] == "systemd" and "hardened.qdrant.site writes them" in found["remedy"]
    assert _failure.cause([], {})["cause"] == "The journal holds nothing of it"


def test_what_systemd_does_before_it_is_the_server_is_not_the_servers():
    """It bears the name of the program that it would have become."""
    spawning = "qdrant.service: Failed at step NAMESPACE spawning /usr/bin/python3: No such file or directory"
    mounting = ("(python3)", "qdrant.service: Failed to set up mount namespacing: /opt/qdrant/root/qdrant/qdrant: No such file or directory")
    found = cause(STARTING, mounting, ("(python3)", spawning), ("systemd", "qdrant.service: Control process exited, code=exited, status=226/NAMESPACE"))
    assert found["who"] == "systemd" and "mount namespacing" in found["line"] and "that the unit shows the server is missing" in found["remedy"]


def test_trust_that_the_gate_refused_is_not_called_a_file_that_is_missing():
    words = "gate: SSL_CERT_FILE names '/etc/ssl/x', which is none of this start's credentials: outgoing connections would trust what nobody chose"
    assert "systemctl cat qdrant" in cause(STARTING, ("python3", words), FAILED)["remedy"]


def test_the_error_that_says_why_is_quoted_not_what_follows_from_it():
    bind = "ERROR qdrant::tonic: Error while starting gRPC server: Cannot assign requested address (os error 99)"
    after = "ERROR qdrant::startup: Panic occurred in file src/main.rs at line 823: thread is not panicking: Any { .. }"
    found = cause(STARTING, ("qdrant", bind), ("qdrant", after), FAILED, properties=EXITED)
    assert bind in found["cause"] and "ip address shows them" in found["remedy"]


def test_a_chain_of_causes_does_not_hide_what_it_belongs_to():
    """As a node without data has it whose peers are down."""
    panic = "ERROR qdrant::startup: Panic occurred in file src/main.rs at line 400: Can't initialize consensus: Failed for new Raft state"
    chain = [("qdrant", "3: tcp connect error"), ("qdrant", "4: Connection refused (os error 111)")]
    found = cause(STARTING, ("qdrant", panic), *chain, FAILED, properties=EXITED)
    assert panic in found["cause"] and "whether the other nodes run" in found["remedy"]


@pytest.mark.parametrize("text", ["INFO Loading configuration", "INFO bloom: room for 3", "WARN qdrant::settings: Config file not found: config/local"])
def test_harmless_words_are_no_cause(text):
    found = cause(STARTING, ("qdrant", "INFO loading"), ("qdrant", text), FAILED, properties={"ExecMainCode": "2", "ExecMainStatus": "9"})
    assert "(SIGKILL)" in found["cause"] and "want of memory" in found["remedy"] and "Config file" not in found["cause"]


def test_only_the_last_start_counts():
    old = (STARTING, ("qdrant", "ERROR of yesterday"), ENDED, FAILED)
    found = cause(*old, STARTING, ("qdrant", "ERROR of today"), ENDED, FAILED, ("systemd", "Stopped qdrant.service."))
    assert found["line"] == "ERROR of today"
    # One that was called off before it began says nothing.
    assert cause(*old, STARTING, FAILED)["line"] == "ERROR of yesterday"


@pytest.mark.parametrize(
    ("code", "status", "text"),
    [
        ("1", "101", "exit code 101, a panic"),
        ("2", "9", "SIGKILL"),
        ("2", "7", "SIGBUS"),
        ("2", "99", "signal 99"),
        *((code, status, "") for code, status in (("2", "15"), ("1", "0"), ("1", "143"), ("", ""))),
    ],
)
def test_how_a_process_ended(code, status, text):
    assert _failure.way_it_ended({"ExecMainCode": code, "ExecMainStatus": status}) == text


def test_a_full_disk_is_named_by_the_signal_alone():
    assert "disk is full" in cause(STARTING, ("qdrant", "INFO loading"), FAILED, properties={"ExecMainCode": "3", "ExecMainStatus": "7"})["remedy"]


@given(st.lists(st.tuples(st.sampled_from(["systemd", "python3", "qdrant"]), st.one_of(st.text(), st.lists(st.integers(0, 255)), st.none(), st.integers()))))
def test_whatever_stands_in_the_journal_one_printable_line_comes_of_it(entries):
    found = cause(*entries)
    assert found["cause"].isprintable() and found["remedy"] and len(found["line"]) <= _failure.LONGEST


def test_what_is_no_entry_is_left_out():
    assert _failure.lines('no json\n[]\n{"MESSAGE": "x"}\n') == [_failure.Line("server", "x")]
