# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only compares gets no secret: the controller's halves of qdrant_secrets and qdrant_keys_info, with the modules themselves behind them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.module_utils.testing import patch_module_args
from ansible_collections.hardened.qdrant.plugins.action import qdrant_keys_info, qdrant_preflight, qdrant_secrets
from ansible_collections.hardened.qdrant.plugins.modules import qdrant_keys_info as keys_module
from ansible_collections.hardened.qdrant.plugins.modules import qdrant_secrets as secrets_module
from test_actions import KEY, READ_ONLY, action, node

ROLE = Path(__file__).parents[4] / "roles/qdrant"
S3, ACCESS, TOKEN, PASSWORD = "s3-Qm7vX2kLw9-secret", "s3-Access-4Hq8", "inference-Jd6HfG3u", "pyro-8sWmN2"
CONFIG = {
    "log_level": "INFO",
    "inference": {"address": "https://192.0.2.80/v1", "token": TOKEN},
    "storage": {"snapshots_config": {"snapshots_storage": "s3", "s3_config": {"bucket": "b", "access_key": ACCESS, "secret_key": S3}}},
    "debugger": {"pyroscope": {"url": "https://192.0.2.81", "user": "q", "password": PASSWORD}},
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


def run(monkeypatch, answer, check=False, variables=None, **arguments):
    plugin = action(qdrant_secrets.ActionModule, monkeypatch, [answer] * 2, **arguments)
    plugin._task.check_mode = check
    return plugin, plugin.run(task_vars=variables or node(qdrant_config=CONFIG))


def test_secrets_travel_only_to_be_written(monkeypatch, module, tmp_path):
    path = tmp_path / "secrets.yaml"
    plugin, result = run(monkeypatch, module(secrets_module, check=True), check=True, path=str(path))
    assert result["changed"] and sent(plugin) == [[]] and not path.exists(), "check mode"
    plugin, result = run(monkeypatch, module(secrets_module), path=str(path))
    assert result["changed"] and result["differed"] == ["missing"] and "missing differ" in result["diff"]["before"]
    assert sent(plugin) == [[], list(SECRETS)]
    assert not any(secret in json.dumps(result) for secret in SECRETS)
    plugin, result = run(monkeypatch, module(secrets_module), path=str(path))
    assert not result["changed"] and sent(plugin) == [[]], "nothing differs"
    changed = {**CONFIG, "inference": {"token": TOKEN[::-1]}}
    plugin, result = run(monkeypatch, module(secrets_module), variables=node(qdrant_config=changed), path=str(path))
    assert result["differed"] == ["content"], "a changed secret is written, and the changed file is a reason to restart"
    salts = {call["module_args"].get("salt") for call in plugin.calls}
    assert len(salts) == 2 and None in salts


def test_the_file_and_the_settings_are_what_the_user_wrote(monkeypatch, module, tmp_path):
    path = tmp_path / "secrets.yaml"
    run(monkeypatch, module(secrets_module), path=str(path))
    assert yaml.safe_load(path.read_text()) == {
        "service": {"api_key": KEY, "read_only_api_key": READ_ONLY},
        "inference": {"token": TOKEN},
        "storage": {"snapshots_config": {"s3_config": {"access_key": ACCESS, "secret_key": S3}}},
        "debugger": {"pyroscope": {"password": PASSWORD}},
    }
    settings = action(qdrant_preflight.ActionModule, monkeypatch).run(task_vars=node(qdrant_config=CONFIG))
    assert not any(secret in str(settings) for secret in SECRETS)
    assert settings["settings"]["storage"]["snapshots_config"] == {"snapshots_storage": "s3", "s3_config": {"bucket": "b"}}
    assert settings["settings"]["inference"] == {"address": "https://192.0.2.80/v1"}


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"inference": {"token": 48151623}}, "qdrant_config.inference.token: it is not a text"),
        ({"inference.token": TOKEN}, "qdrant_config.inference.token: it is a path"),
        ({"service": {"read_only_api_key": TOKEN}}, "qdrant_config.service.read_only_api_key: the role sets it. Use qdrant_read_only_api_key, in a vault"),
        ("token=%s" % TOKEN, "qdrant_config: it is not a mapping"),
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
    plugin = action(qdrant_secrets.ActionModule, monkeypatch)
    with pytest.raises(AnsibleActionFail, match=what):
        plugin.run(task_vars=node(**changes))
    assert plugin.calls == []


@pytest.mark.parametrize(("kind", "name"), [(kind.ActionModule, name) for kind in (qdrant_secrets, qdrant_keys_info) for name in kind.ActionModule.set_here])
def test_what_the_action_sets_cannot_be_given(monkeypatch, kind, name):
    with pytest.raises(AnsibleActionFail, match=name):
        action(kind, monkeypatch, **{name: "x"}).run(task_vars=node())


def test_a_node_that_fails_is_not_sent_its_secrets(monkeypatch):
    plugin, result = run(monkeypatch, {"failed": True, "changed": True, "msg": "x"})
    assert result["failed"] and sent(plugin) == [[]]


def test_keys_are_looked_for_by_digests(monkeypatch, module, tmp_path):
    path = tmp_path / "secrets.yaml"
    path.write_text(json.dumps({"service": {"api_key": READ_ONLY, "alt_api_key": KEY, "read_only_api_key": "another"}}))
    plugin = action(qdrant_keys_info.ActionModule, monkeypatch, [module(keys_module)], path=str(path), unit="hardened-qdrant-none.service")
    result = plugin.run(task_vars=node())
    assert result["disk"] == {"api_key": "read_only_api_key", "alt_api_key": "api_key", "read_only_api_key": "other"} and result["running"] is None
    assert sent(plugin) == [[]] and sorted(plugin.calls[0]["module_args"]["digests"]) == ["api_key", "read_only_api_key"]


def test_a_file_that_may_hold_a_secret_is_exchanged_without_showing_it():
    """The old file may be somebody else's: its difference to the new one would show what is in it."""
    tasks = yaml.safe_load((ROLE / "tasks/configure.yml").read_text(encoding="utf-8"))
    (task,) = (task for task in tasks if task["name"] == "Write the settings")
    assert task["diff"] == "{{ ansible_diff_mode and not __qdrant_node.settings_hold_secret }}" and "no_log" not in task


def test_only_what_is_written_is_ever_handed_to_a_module():
    """Whoever adds a secret option to a module adds it here, with the file that it is written into; what only compares takes digests."""
    written = {("qdrant_secrets.py", "content"), ("qdrant_certificate.py", "private_key")}
    found = set()
    for path in sorted((ROLE.parents[1] / "plugins/modules").glob("*.py")):
        found |= {(path.name, name) for name in re.findall(r'"(\w+)": \{[^}]*"no_log": True', path.read_text(encoding="utf-8"))}
    assert found == written
