# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only compares gets no secret.

The controller's halves of qdrant_files, qdrant_plan_info and qdrant_keys_info, with the modules themselves behind them.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.module_utils.testing import patch_module_args
from ansible_collections.hardened.qdrant.plugins.action import qdrant_files, qdrant_keys_info, qdrant_plan_info, qdrant_preflight
from ansible_collections.hardened.qdrant.plugins.modules import qdrant_files as files_module
from ansible_collections.hardened.qdrant.plugins.modules import qdrant_keys_info as keys_module
from ansible_collections.hardened.qdrant.plugins.modules import qdrant_plan_info as plan_module
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _wanted_action
from test_actions import KEY, READ_ONLY, action, node

ROLE = Path(__file__).parents[4] / "roles/qdrant"
S3, ACCESS, TOKEN, PASSWORD = "s3-Qm7vX2kLw9-secret", "s3-Access-4Hq8", "inference-Jd6HfG3u", "pyro-8sWmN2"
CONFIG = {
    "log_level": "INFO",
    "inference": {"address": "https://192.0.2.80/v1", "token": TOKEN},
    "storage": {"snapshots_config": {"snapshots_storage": "s3", "s3_config": {"bucket": "b", "access_key": ACCESS, "secret_key": S3}}},
    "debugger": {"pyroscope": {"url": "https://192.0.2.81", "identifier": "node1", "user": "q", "password": PASSWORD}},
}
SECRETS = (KEY, READ_ONLY, S3, ACCESS, TOKEN, PASSWORD)


@pytest.fixture
def module(capsys):
    """What answers an action plugin's calls: the module, in this process."""

    def answering(called, check=False):
        def answer(call):
            with patch_module_args({**call["module_args"], "_ansible_check_mode": check}), pytest.raises(SystemExit):
                called.main()
            return json.loads(capsys.readouterr().out.splitlines()[-1])

        return answer

    return answering


def sent(plugin) -> list[list[str]]:
    """By call, the secrets that went to the node."""
    return [[secret for secret in SECRETS if secret in repr(call["module_args"])] for call in plugin.calls]


def wanted(path, *further, **changes) -> dict:
    """A document with a file of secrets, which belongs to whoever runs the tests, and further files."""
    mine = {"owner": None, "group": None}
    secret = {"path": str(path), "mode": "0600", "secret": True, "part": "secrets", **mine, **changes}
    return {"files": [secret, *({"part": "settings", **mine, **entry} for entry in further)]}


def run(monkeypatch, answer, path, check=False, variables=None, further=(), **arguments):
    plugin = action(qdrant_files.ActionModule, monkeypatch, [answer] * 2, wanted=wanted(path, *further), **arguments)
    plugin._task.check_mode = check
    return plugin, plugin.run(task_vars=variables or node(qdrant_config=CONFIG))


def test_secrets_travel_only_to_be_written(monkeypatch, module, tmp_path):
    path = tmp_path / "secrets.yaml"
    plugin, result = run(monkeypatch, module(files_module, check=True), path, check=True)
    assert result["changed"] and sent(plugin) == [[]] and not path.exists(), "check mode"
    plugin, result = run(monkeypatch, module(files_module), path)
    assert result["changed"] and result["differed"] == {str(path): ["missing"]} and result["diff"][0]["before"] == f"{path}: missing\n"
    assert sent(plugin) == [[], list(SECRETS)] and path.stat().st_mode & 0o777 == 0o600
    assert not any(secret in json.dumps(result) for secret in SECRETS)
    plugin, result = run(monkeypatch, module(files_module), path)
    assert not result["changed"] and sent(plugin) == [[]], "nothing differs"
    changed = {**CONFIG, "inference": {"token": TOKEN[::-1]}}
    plugin, result = run(monkeypatch, module(files_module), path, variables=node(qdrant_config=changed))
    assert result["differed"] == {str(path): ["content"]}, "a changed secret is written, and the changed file is a reason to restart"
    salts = {entry.get("salt") for call in plugin.calls for entry in call["module_args"]["entries"]}
    assert len(salts) == 2 and None in salts


def test_where_secrets_are_lacking_nothing_is_written_before_they_are_there(monkeypatch, module, tmp_path):
    """All in one step: a run that is killed between the two calls has changed nothing."""
    path, settings = tmp_path / "secrets.yaml", tmp_path / "config.yaml"
    written = []
    answer = module(files_module)

    def watched(call):
        written.append(settings.exists())
        return answer(call)

    plugin, result = run(monkeypatch, watched, path, further=[{"path": str(settings), "content": "a: 1\n"}])
    assert written == [False, False] and settings.read_text() == "a: 1\n" and sorted(result["differed"]) == [str(settings), str(path)]
    assert result["diff"][1]["after"] == "a: 1\n" and len(plugin.calls) == 2


def test_parts_of_the_wanted_state_are_written_alone(monkeypatch, module, tmp_path):
    path, settings = tmp_path / "secrets.yaml", tmp_path / "config.yaml"
    plugin, result = run(monkeypatch, module(files_module), path, further=[{"path": str(settings), "content": "a: 1\n"}], parts=["settings"])
    assert settings.exists() and not path.exists() and len(plugin.calls) == 1 and list(result["differed"]) == [str(settings)]
    plugin, result = run(monkeypatch, module(files_module), path, parts=[])
    assert plugin.calls == [] and not result["changed"]


def test_a_host_that_has_all_of_it_is_asked_nothing(monkeypatch, tmp_path):
    document = {"folders": [{"path": "/etc/x"}], "files": [{"path": "/etc/x/y", "content": "z"}], "absent": [{"path": "/etc/x/old"}]}
    seen = {
        "/etc/x": {"kind": "folder", "owner": "root", "group": "root", "mode": "0755"},
        "/etc/x/y": {"kind": "file", "owner": "root", "group": "root", "mode": "0644", "sha256": hashlib.sha256(b"z").hexdigest()},
        "/etc/x/old": None,
    }
    plugin = action(qdrant_files.ActionModule, monkeypatch, wanted=document, seen=seen)
    assert plugin.run(task_vars=node())["changed"] is False and plugin.calls == []
    answer = {"changed": True, "differed": {}, "lacking": [], "diff": []}
    changes = [{"mode": "0664"}, {"owner": "daemon"}, {"sha256": "0"}, {"kind": "link"}]
    others = [{**seen, "/etc/x/y": {**seen["/etc/x/y"], **change}} for change in changes] + [{**seen, "/etc/x/old": seen["/etc/x/y"]}]
    others += [{name: state for name, state in seen.items() if name != left_out} for left_out in seen] + [{**seen, "/etc/x": None}]
    for other in others:
        plugin = action(qdrant_files.ActionModule, monkeypatch, [answer], wanted=document, seen=other)
        assert plugin.run(task_vars=node())["changed"] and len(plugin.calls) == 1, other


def test_a_plan_compares_secrets_by_a_digest(monkeypatch, module, tmp_path):
    path = tmp_path / "secrets.yaml"
    places = {"unit": "hardened-qdrant-none.service", "config_dir": str(tmp_path), "install_dir": str(tmp_path / "o"), "data_dir": str(tmp_path / "d")}
    plugin = action(qdrant_plan_info.ActionModule, monkeypatch, [module(plan_module)], wanted=wanted(path), **places)
    result = plugin.run(task_vars=node(qdrant_config=CONFIG))
    assert result["differed"] == {str(path): ["missing"]} and sent(plugin) == [[]]
    assert not result["active"] and result["restart_reasons"] == [] and not result["initialised"] and result["addresses"] == []


@pytest.mark.parametrize("kind", [qdrant_files.ActionModule, qdrant_plan_info.ActionModule])
def test_a_document_that_is_none_is_refused_before_the_host_is_asked(monkeypatch, kind):
    assert issubclass(kind, _wanted_action.WantedAction)
    plugin = action(kind, monkeypatch, wanted={"files": [{"path": "relative", "content": "x"}]})
    with pytest.raises(AnsibleActionFail, match="wanted is no document of wanted state. files.0.path"):
        plugin.run(task_vars=node())
    assert plugin.calls == []


def test_the_file_and_the_settings_are_what_the_user_wrote(monkeypatch, module, tmp_path):
    path = tmp_path / "secrets.yaml"
    run(monkeypatch, module(files_module), path)
    assert yaml.safe_load(path.read_text()) == {
        "service": {"api_key": KEY, "read_only_api_key": READ_ONLY},
        "inference": {"token": TOKEN},
        "storage": {"snapshots_config": {"s3_config": {"access_key": ACCESS, "secret_key": S3}}},
        "debugger": {"pyroscope": {"password": PASSWORD}},
    }
    further = {
        "qdrant_firewall_targets": [{"host": "192.0.2.80", "port": 443}],
        "qdrant_accepted_risks": [{"risk": "debugger", "reason": "profiles are wanted"}],
    }
    settings = action(qdrant_preflight.ActionModule, monkeypatch).run(task_vars=node(qdrant_config=CONFIG, **further))
    assert not any(secret in str(settings) for secret in SECRETS)
    assert settings["settings"]["storage"]["snapshots_config"] == {"snapshots_storage": "s3", "s3_config": {"bucket": "b"}}
    assert settings["settings"]["inference"] == {"address": "https://192.0.2.80/v1"}


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"inference": {"token": 48151623}}, "qdrant_config.inference.token: it is not a text"),
        ({"inference.token": TOKEN}, "qdrant_config.inference.token: it is a path"),
        ({"service": {"read_only_api_key": TOKEN}}, "qdrant_config.service.read_only_api_key: the role sets it. Use qdrant_read_only_api_key, in a vault"),
        (f"token={TOKEN}", "qdrant_config: it is not a mapping"),
    ],
)
def test_what_the_preflight_refuses_is_named_and_not_shown(monkeypatch, config, what):
    with pytest.raises(AnsibleActionFail) as error:
        action(qdrant_preflight.ActionModule, monkeypatch).run(task_vars=node(qdrant_config=config))
    assert what in str(error.value) and TOKEN not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "what"), [({"qdrant_api_key": ""}, "would run open"), ({"qdrant_read_only_api_key": 12345678}, "qdrant_read_only_api_key is not a text")]
)
def test_keys_that_would_open_the_node_are_sent_nowhere(monkeypatch, changes, what):
    plugin = action(qdrant_files.ActionModule, monkeypatch, wanted=wanted("/etc/qdrant/secrets.yaml"))
    with pytest.raises(AnsibleActionFail, match=what):
        plugin.run(task_vars=node(**changes))
    assert plugin.calls == []


@pytest.mark.parametrize(
    ("kind", "name"), [(kind.ActionModule, name) for kind in (qdrant_files, qdrant_plan_info, qdrant_keys_info) for name in kind.ActionModule.set_here]
)
def test_what_the_action_sets_cannot_be_given(monkeypatch, kind, name):
    with pytest.raises(AnsibleActionFail, match=name):
        action(kind, monkeypatch, **{name: "x"}).run(task_vars=node())


def test_a_node_that_fails_is_not_sent_its_secrets(monkeypatch, tmp_path):
    plugin, result = run(monkeypatch, {"failed": True, "changed": True, "msg": "x"}, tmp_path / "secrets.yaml")
    assert result["failed"] and sent(plugin) == [[]]


def test_keys_are_looked_for_by_digests(monkeypatch, module, tmp_path):
    path = tmp_path / "secrets.yaml"
    path.write_text(json.dumps({"service": {"api_key": READ_ONLY, "alt_api_key": KEY, "read_only_api_key": "another"}}))
    plugin = action(qdrant_keys_info.ActionModule, monkeypatch, [module(keys_module)], path=str(path), unit="hardened-qdrant-none.service")
    result = plugin.run(task_vars=node())
    assert result["disk"] == {"api_key": "read_only_api_key", "alt_api_key": "api_key", "read_only_api_key": "other"} and result["running"] is None
    assert sent(plugin) == [[]] and sorted(plugin.calls[0]["module_args"]["digests"]) == ["api_key", "read_only_api_key"]


def test_a_file_that_may_hold_a_secret_is_exchanged_without_showing_it(monkeypatch, module, tmp_path):
    """The old file may be somebody else's: its difference to the new one would show what is in it."""
    path, settings = tmp_path / "secrets.yaml", tmp_path / "config.yaml"
    for before, shown in ((f"inference:\n  token: {TOKEN}\n", False), ("log_level: WARN\n", True)):
        settings.write_text(before)
        _plugin, result = run(monkeypatch, module(files_module), path, further=[{"path": str(settings), "content": "log_level: INFO\n"}], parts=["settings"])
        assert (result["diff"][0]["before"] == before) is shown and TOKEN not in json.dumps(result) and result["diff"][0]["after"] == "log_level: INFO\n"


def test_only_what_is_written_is_ever_handed_to_a_module():
    """Whoever adds a secret option to a module adds it here, with the file that it is written into; what only compares takes digests.

    None is a part of another option: Ansible writes what a module is called with into the journal, but for options that are secret as a whole.
    """
    written = {("qdrant_files.py", "secrets"), ("qdrant_certificate.py", "private_key")}
    found = set()
    for path in sorted((ROLE.parents[1] / "plugins").glob("module*/*.py")):
        text = path.read_text(encoding="utf-8")
        found |= {(path.name, name) for name in re.findall(r'"(\w+)": \{[^{}]*"no_log": True', text)}
        assert text.count('"no_log": True') == sum(name == path.name for name, _option in found), path.name
    assert found == written


def test_no_secret_gets_into_the_journal(monkeypatch, module, tmp_path):
    """What a module writes there of its own call."""
    said = []
    monkeypatch.setattr(files_module.AnsibleModule, "log", lambda _self, message, log_args=None: said.append(f"{message} {log_args}"))
    run(monkeypatch, module(files_module), tmp_path / "secrets.yaml")
    assert (tmp_path / "secrets.yaml").exists() and not any(secret in text for secret in SECRETS for text in said)
