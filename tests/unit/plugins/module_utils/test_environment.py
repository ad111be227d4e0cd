# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables a server heeds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.module_utils import _environment

ROLE = Path(__file__).parents[4] / "roles/qdrant"
# What systemd 252 to 257 gives a service, and what administrators give all of them.
HARMLESS = """LANG PATH HOME LOGNAME USER SHELL INVOCATION_ID JOURNAL_STREAM CREDENTIALS_DIRECTORY SYSTEMD_EXEC_PID MEMORY_PRESSURE_WATCH
MEMORY_PRESSURE_WRITE NOTIFY_SOCKET MANAGERPID MAINPID LC_ALL TZ TERM HOSTNAME FOO TMPDIR SSL_CERT_FILE SSL_CERT_DIR""".split()


def test_what_systemd_and_the_units_give_is_fine():
    assert _environment.foreign({**dict.fromkeys(HARMLESS, "x"), **_environment.OWN}) == []


@pytest.mark.parametrize(
    "name",
    [
        "QDRANT__SERVICE__ALT_API_KEY", "qdrant__service__alt_api_key", "Qdrant__Audit__Enabled", "QDRANT_BOOTSTRAP", "QDRANT_URI", "LD_PRELOAD",
        "GLIBC_TUNABLES", "MALLOC_CONF", "_RJEM_MALLOC_CONF", "RUST_LOG", "TOKIO_WORKER_THREADS", "SSLKEYLOGFILE", "AWS_ENDPOINT_URL", "HTTPS_PROXY",
        "https_proxy", "No_Proxy", "RES_OPTIONS", "RUN_MODE", "run_mode", "QDRANT_INIT_FILE_PATH",
    ],
)  # fmt: skip
def test_what_a_server_heeds_is_not(name):
    assert _environment.foreign({name: "", "FOO": "x"}) == [name]


def test_the_units_set_what_is_theirs_and_take_away_only_what_is_heeded():
    for unit in ("qdrant.service.j2", "container.service.j2"):
        text = (ROLE / "templates" / unit).read_text(encoding="utf-8")
        for name, value in _environment.OWN.items():
            assert f"{name}={value}" in text
    unset = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["__qdrant_unset"].partition("('")[2].partition("')")[0].split()
    assert len(unset) > 40 and set(_environment.foreign(dict.fromkeys(unset, "x"))) == set(unset) - {"SSL_CERT_DIR"}
