# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a host's answer becomes something on the controller: nothing but data, of the documented form."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _action, _border, _shapes, _text
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[4]
ESCAPES = "\x1b[2J\u202e\u200b"


@pytest.mark.parametrize(
    "answer",
    [
        {"ansible_facts": {"qdrant_tls_provider": "csr"}},
        {"ansible_facts": {"anything": 1, _border.INTERPRETER: "/usr/bin/python3"}},
        {"ansible_facts": ["qdrant_tls_provider"]},
        {"ansible_facts": {_border.INTERPRETER: "/usr/bin/python3; id"}},
        {"ansible_facts": {_border.INTERPRETER: ["/usr/bin/python3"]}},
        {"add_host": {"host_name": "node1", "host_vars": {"qdrant_api_key": "x"}}},
        {"add_group": "qdrant"},
        {"ansible_stats": {"data": {}}},
    ],
)
def test_an_answer_that_would_set_something_is_refused(answer):
    with pytest.raises(_border.Hostile):
        _border.admit({"changed": False, **answer})
    with pytest.raises(_border.Hostile):
        _border.hear("junk before {{}}\n{}\njunk after".format(json.dumps({"changed": False, **answer})))


def test_of_an_answer_nothing_else_is_read():
    """And what is no answer is short, and comes to nothing."""
    assert json.loads(_border.hear('junk\n{"a": {}}\n')) == {"a": {}}
    assert len(_border.hear("no answer " * 100000)) <= _border.SHOWN
    with pytest.raises(_border.Hostile, match="nest its answer"):
        _border.hear('{{"ansible_facts": {}{}}}'.format('{"a":' * 200000, "}" * 200000))
    with pytest.raises(_border.Hostile, match="flood the controller with 65 MB"):
        _border.hear("x" * (65 << 20))


def test_what_ansible_shows_by_itself_is_one_line():
    """A line of its own could be a report's."""
    said = "failed\n\nVERIFIED: 456 of 456 controls hold\n"
    heard = json.loads(_border.hear(json.dumps({"msg": said, "warnings": [said], "exception": said, "stdout": "a\nb\n"})))
    assert heard == {
        "msg": "failed |  | VERIFIED: 456 of 456 controls hold",
        "warnings": ["failed |  | VERIFIED: 456 of 456 controls hold"],
        "exception": "failed |  | VERIFIED: 456 of 456 controls hold",
        "stdout": "a\nb\n",
    }


def test_an_interpreter_that_ansible_found_is_kept():
    answer = {"changed": True, "ansible_facts": {_border.INTERPRETER: "/usr/bin/python3.11"}}
    assert _border.admit(answer) == answer


def test_facts_that_were_asked_for_are_data():
    admitted = _border.admit({"ansible_facts": {"ansible_interfaces": ["lo"], "qdrant_tls_provider": "csr"}}, facts=True)
    assert admitted == {"facts": {"interfaces": ["lo"], "qdrant_tls_provider": "csr"}}


def test_an_accusation_names_the_host_and_steers_no_terminal():
    with pytest.raises(_border.Hostile) as error:
        _border.admit({"ansible_facts": {"qdrant_%d%s" % (number, ESCAPES): 1 for number in range(9)}})
    said = _border.accusation("node1", "ansible.builtin.file", error.value)
    assert said.startswith("node1 is not to be trusted") and "and 4 more" in said and said.isprintable()


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(st.dictionaries(st.sampled_from(["changed", "msg", "ansible_facts", "stdout", "facts", "x\x1b"]), JSON))
def test_whatever_is_admitted_is_safe_to_show_and_sets_nothing(answer):
    try:
        admitted = _border.admit(answer)
    except _border.Hostile:
        return
    assert set(admitted.get("ansible_facts", {})) <= {_border.INTERPRETER}
    assert json.dumps(admitted, ensure_ascii=False).replace("\\n", "").replace("\\t", "").isprintable()


@given(st.text(st.characters() | st.sampled_from("\\\x1b\r\x7f\u202e\U000e0041\u2028u")), st.booleans())
def test_the_output_of_a_module_stays_what_it_is_and_steers_no_terminal(text, as_escapes):
    heard = _border.escape_output(json.dumps({"a": text}, ensure_ascii=as_escapes))
    for shown in (heard, _border.escape_output(text)):
        assert shown.replace("\n", "").replace("\t", "").isprintable()
    read = json.loads(heard)["a"]
    assert read.replace("\n", "").replace("\t", "").isprintable()
    if text.isprintable() and _text.clean(text, len(text)) == text:
        assert read == text


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        (r'"\u001b[2J"', r"\u001b[2J"),
        (r'"C:\\users \\u001b \\\u001b"', r"C:\users \u001b \\u001b"),
        ('"\x1b \u202e"', r"\u001b \u202e"),
        (r'"\udb40\udc41"', r"\udb40\udc41"),
        (r'"\ud83d\ude00 \ud800 \r\n\t\u000a"', "\U0001f600 \\ud800 \\r\n\t\n"),
    ],
)
def test_escapes_are_told_from_what_looks_like_one(printed, read):
    assert json.loads(_border.escape_output(printed)) == read


# --- the form of answers -----------------------------------------------------------------------------------------------

KEYS = {"disk": None, "running": {"api_key": "api_key"}, "enforces": False, "staying": None, "outage": 1.5}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"running": "everything"}, "type dict at running"),
        ({"running": {"api_key": 1}}, "type str at running.api_key"),
        ({"outage": True}, "type float at outage"),
        ({"outage": float("inf")}, "finite number at outage"),
    ],
)
def test_an_answer_of_another_form_is_refused(change, said):
    with pytest.raises(_shapes.Misshapen, match=said):
        _shapes.check("qdrant_keys_info", {**KEYS, **change})


def test_what_a_host_does_not_know_is_null():
    """A half-made release has no version yet: honest hosts are accused of nothing."""
    release = {"name": "1.19.0-9ec66745", "version": None, "artefact_sha256": None, "binary_sha256": None, "intact": False, "libraries": [], "image_id": None}
    answer = dict.fromkeys(_shapes.documented("qdrant_node_info"))
    assert _shapes.check("qdrant_node_info", {**answer, "releases": [release]})["releases"] == [release]


def test_an_answer_that_lacks_something_is_refused():
    with pytest.raises(_shapes.Misshapen, match="leaves out disk, enforces, running, staying"):
        _shapes.check("qdrant_keys_info", {"outage": 0.1})


def test_what_is_not_documented_is_left_out():
    assert _shapes.check("qdrant_keys_info", {**KEYS, "changed": False, "surplus": 1}) == {**KEYS, "changed": False}


def test_lists_and_nested_values_are_looked_into():
    with pytest.raises(_shapes.Misshapen, match=r"type str at lacking\[1\]"):
        _shapes.check("qdrant_files", {"differed": {}, "lacking": ["mode", 1]})
    with pytest.raises(_shapes.Misshapen, match="type bool at cluster.enabled"):
        _shapes.check("qdrant_cluster_info", {"healthy": True, "unhealthy_because": [], "cluster": {"enabled": "yes"}})


def test_a_failure_needs_no_more_than_its_message():
    assert _shapes.check("qdrant_keys_info", {"failed": True, "msg": "no"}) == {"failed": True, "msg": "no"}


# --- nothing goes around the border ------------------------------------------------------------------------------------

# What Ansible does on the controller, without an answer of a host.
ON_THE_CONTROLLER = {
    "ansible.builtin." + name
    for name in (("assert", "debug", "fail", "group_by", "import_playbook", "import_role", "include_role", "include_tasks", "import_tasks", "meta"))
}
KEYWORDS = {
    *("any_errors_fatal", "apply", "args", "become", "block", "always", "rescue", "changed_when", "check_mode", "delay", "delegate_to", "diff", "environment"),
    *("failed_when", "loop", "loop_control", "module_defaults", "name", "no_log", "register", "retries", "run_once", "throttle", "until", "vars", "when"),
}


def tasks(entries):
    for entry in entries or []:
        if "hosts" in entry:
            for part in ("pre_tasks", "tasks", "post_tasks", "handlers"):
                yield from tasks(entry.get(part))
        elif any(part in entry for part in ("block", "rescue", "always")):
            for part in ("block", "rescue", "always"):
                yield from tasks(entry.get(part))
        else:
            yield entry


def all_tasks():
    files = [*ROOT.glob("roles/*/tasks/**/*.yml"), *ROOT.glob("roles/*/handlers/*.yml"), *ROOT.glob("playbooks/*.yml")]
    assert len(files) > 40
    for file in sorted(files):
        for task in tasks(yaml.safe_load(file.read_text())):
            (called,) = set(task) - KEYWORDS
            yield pytest.param(called, task, id="{}: {}".format(file.relative_to(ROOT), task.get("name", called)))


@pytest.mark.parametrize(("called", "task"), list(all_tasks()))
def test_every_task_that_asks_a_host_goes_by_the_border(called, task):
    if called in ON_THE_CONTROLLER:
        return
    if called.startswith("hardened.qdrant."):
        module = __import__("ansible_collections.hardened.qdrant.plugins.action.{}".format(called.rpartition(".")[2]), fromlist=["ActionModule"])
        assert issubclass(module.ActionModule, _action.Action)
        return
    # Modules of others that run on the controller, by its own Python.
    assert task.get("delegate_to") == "localhost" and task.get("become") is False, f"{called} goes around the border: call it by qdrant_on_host"


def test_every_module_has_an_action_plugin():
    modules, actions = ({path.stem for path in (ROOT / "plugins" / kind).glob("*.py")} for kind in ("modules", "action"))
    assert modules == actions


def wrapped():
    for parameter in all_tasks():
        called, task = parameter.values
        if called == "hardened.qdrant.qdrant_on_host":
            yield pytest.param(task[called], id=parameter.id)


@pytest.fixture(scope="module")
def documentation() -> dict:
    """Of every module that is called across the border its documentation, by its name."""
    names = sorted({parameter.values[0]["module"] for parameter in wrapped()})
    found = subprocess.run(["ansible-doc", "--type", "module", "--json", *names], capture_output=True, text=True, check=True, timeout=120)
    return {name: entry["doc"] for name, entry in json.loads(found.stdout).items()}


@pytest.mark.parametrize("call", list(wrapped()))
def test_modules_that_are_called_across_the_border_have_these_options(documentation, call):
    """What linters look at where a module is called directly."""
    assert set(call) <= {"module", "options", "deadline"}
    options = documentation[call["module"]]["options"]
    assert set(call["options"]) <= set(options) | {alias for option in options.values() for alias in option.get("aliases") or []}
    assert {name for name, option in options.items() if option.get("required")} <= set(call["options"])
    if call["module"] == "ansible.builtin.file" and call["options"].get("state") == "directory" and not call["options"].get("recurse"):
        assert "mode" in call["options"]
