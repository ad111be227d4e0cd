# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that runs on a host waits without an end: programs are run, ports are spoken to, and files are read, in the one place that has a deadline.

Each place is the one that the other tests of this folder try: _run.py, _wire.py, _read.py.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PLACES = ("plugins/module_utils/**/*.py", "plugins/modules/*.py", "roles/*/files/*.py")
ON_HOSTS = sorted(path.relative_to(ROOT).as_posix() for pattern in PLACES for path in ROOT.glob(pattern))
RUN, WIRE, READ = (f"plugins/module_utils/_{name}.py" for name in ("run", "wire", "read"))

PROGRAMS = {"Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput", "run_command", "system", "popen", "popen2", "pty", "spawn"}
PROGRAMS |= {"spawn" + kind for kind in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")} | {"posix_spawn", "posix_spawnp"}
PORTS = {
    "create_connection", "connect", "connect_ex", "wrap_socket", "wrap_bio", "getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo",
    "getfqdn", "urlopen", "open_url", "fetch_url", "urlretrieve", "HTTPConnection", "HTTPSConnection", "get_server_certificate",
}  # fmt: skip
# What waits for a child or a thread.
WAITS = {"wait", "waitpid", "communicate", "join"}
# Whoever reads there alone, and why that cannot be held up: what is there, root alone has written.
READ_BY_THEMSELVES = {
    "plugins/module_utils/_certificate.py": "folders of certificates; the file stands alone beside the timer",
    "plugins/module_utils/_keys.py": "files of secrets",
    "roles/qdrant/files/audit.py": "a file of root's, and the server's logs without following links or waiting for writers",
    "roles/qdrant/files/gate.py": "credentials that systemd made, /proc, and files of root's",
    "roles/qdrant/files/container.py": "credentials that systemd made, and /proc",
    "roles/qdrant_proxy/files/stage.py": "files of root's, and /proc",
    "roles/qdrant_tls/files/expiry.py": "credentials that systemd made",
}


def name_of(call: ast.Call) -> str:
    """What is called, without what it is an attribute of."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""


def owner_of(call: ast.Call) -> str:
    """The module, or variable, of which it is an attribute; empty for none."""
    return call.func.value.id if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) else ""


def has_deadline(call: ast.Call) -> bool:
    """Whether a call says how long it may take, and not that it may take for ever."""
    return any(word.arg == "timeout" and not (isinstance(word.value, ast.Constant) and word.value.value is None) for word in call.keywords)


def reads(call: ast.Call) -> bool:
    """Whether it opens a file by its name, in order to read."""
    if name_of(call) in ("read_text", "read_bytes"):
        return True
    if name_of(call) != "open" or owner_of(call) not in ("", "io", "codecs"):
        return False
    modes = call.args[1:2] + [word.value for word in call.keywords if word.arg == "mode"]
    return not modes or not isinstance(modes[0], ast.Constant) or not any(letter in str(modes[0].value) for letter in "wax")


def endless(source: str, path: str) -> list[str]:
    """The calls in a file that could wait for ever, or read without a limit, with their lines."""
    tree = ast.parse(source)
    # Handed on, it is called somewhere else.
    handed_on = [entry for entry in ast.walk(tree) if isinstance(entry, ast.Attribute) and entry.attr == "run_command"]
    found = ["line %d names run_command, which has no timeout: use _run" % entry.lineno for entry in handed_on]
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name, owner = name_of(call), owner_of(call)
        program = name in PROGRAMS or (name == "run" and owner == "subprocess")
        if path != RUN and program and not (owner == "subprocess" and name in ("run", "call", "check_call", "check_output") and has_deadline(call)):
            found.append("line %d runs a program: use _run, or subprocess.run with a timeout where a file stands alone" % call.lineno)
        if path != WIRE and name in PORTS:
            found.append("line %d speaks to somebody: use _wire" % call.lineno)
        if path != READ and path not in READ_BY_THEMSELVES and reads(call):
            found.append("line %d reads a file: use _read" % call.lineno)
        if path != RUN and name in WAITS and not call.args and not has_deadline(call):
            found.append("line %d waits without an end" % call.lineno)
    return found


@pytest.mark.parametrize("path", ON_HOSTS)
def test_nothing_waits_without_an_end(path):
    assert endless((ROOT / path).read_text(encoding="utf-8"), path) == []


def test_all_files_are_looked_at_and_no_exception_is_left_over():
    assert {RUN, WIRE, READ, *READ_BY_THEMSELVES, "plugins/modules/qdrant_firewall.py"} <= set(ON_HOSTS)
    for path in READ_BY_THEMSELVES:
        assert any(reads(call) for call in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))) if isinstance(call, ast.Call)), path


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(['docker'])",
        "subprocess.run(['docker'], timeout=None)",
        "subprocess.Popen(['docker'], timeout=5)",
        "subprocess.check_output(['docker'])",
        "module.run_command(['nft'])",
        "functools.partial(module.run_command, handle_exceptions=False)",
        "os.system('nft')",
        "os.popen('nft')",
        "socket.create_connection(target, timeout=5)",
        "socket.create_connection(target)",
        "connection.connect(target)",
        "socket.getaddrinfo('x', 1)",
        "context.wrap_socket(plain)",
        "urllib.request.urlopen(url, timeout=5)",
        "http.client.HTTPSConnection('x')",
        "open(path)",
        "open(path, 'rb')",
        "open(path, mode='r')",
        "io.open(path)",
        "Path(path).read_text()",
        "process.wait()",
        "process.communicate()",
        "thread.join()",
    ],
)
def test_each_of_the_kind_is_found(line):
    assert endless(line, "plugins/module_utils/_new.py")


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(['docker'], timeout=60)",
        "_run.ask(['docker'])",
        "_wire.rest(target, '/')",
        "open(path, 'w')",
        "os.open(path, os.O_WRONLY)",
        "_read.text(path)",
        "', '.join(words)",
        "process.wait(5)",
        "thread.join(timeout=5)",
    ],
)
def test_what_ends_is_not_found(line):
    assert endless(line, "plugins/module_utils/_new.py") == []
