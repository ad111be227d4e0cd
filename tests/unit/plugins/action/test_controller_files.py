# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that writes or reads a file on the controller, at a file that is a symlink and in a folder that others may write: refused, and nothing done."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from ansible.errors import AnsibleActionFail, AnsibleLookupError
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.action import ActionBase
from ansible_collections.hardened.qdrant.plugins.action import (
    qdrant_client_certificate,
    qdrant_controller_file,
    qdrant_init,
    qdrant_network_policy,
    qdrant_new_keys,
    qdrant_token,
    qdrant_verify,
)
from ansible_collections.hardened.qdrant.plugins.lookup import qdrant_controller_file as lookup
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority, _document, _own
from ansible_collections.hardened.qdrant.plugins.plugin_utils._files import TEMPORARY

PROJECT = Path(__file__).parents[4]
JUDGED = json.loads((Path(__file__).parents[1] / "plugin_utils/evidence.json").read_text(encoding="utf-8"))
# What the module returned: without what judging adds.
EVIDENCE = {name: value for name, value in JUDGED.items() if name not in (*_document.ADDED, "vantages")}
NOW = datetime.now(UTC)
CA, CA_KEY = _authority.create("test", NOW)
KEY = "b7Tq2xVn9LmR4cKz8WsY1pJd6HfG3uEa"


class Templar:
    """Values are what they are."""

    @staticmethod
    def template(value):
        return value


@pytest.fixture
def run(monkeypatch):
    """Run an action; its result."""

    def call(module, check=False, variables=None, **arguments):
        kind = module.ActionModule
        monkeypatch.setattr(ActionBase, "run", lambda *_arguments, **_named: {})
        plugin = kind.__new__(kind)
        plugin._task = SimpleNamespace(args=arguments, check_mode=check, async_val=0, action="x", delegate_to=None)
        plugin._templar, plugin._loader = Templar(), SimpleNamespace(_vault=VaultLib([("default", VaultSecret(b"secret"))]))
        return plugin.run(task_vars=variables or {})

    return call


# Each writes one or more files into a folder, by these words; the names of the files.
WRITERS = {
    "qdrant_controller_file": (qdrant_controller_file, lambda folder: {"path": str(folder / "file"), "content": "text"}, ["file"]),
    "qdrant_init": (qdrant_init, lambda folder: {"dir": str(folder.parent.parent), "release": "none"}, ["main.yml", "ca.crt", "vault.yml"]),
    "qdrant_new_keys": (qdrant_new_keys, lambda folder: {"file": str(folder / "keys.yml")}, ["keys.yml"]),
    "qdrant_network_policy": (qdrant_network_policy, lambda folder: {"dir": str(folder)}, ["network-policies.yaml", "values.yaml", "statefulset-patch.yaml"]),
    "qdrant_token": (
        qdrant_token,
        lambda folder: {"application": "shop", "access": {"a": "r"}, "lifetime": "1d", "file": str(folder / "token")},
        ["token"],
    ),
    "qdrant_client_certificate": (qdrant_client_certificate, lambda folder: {"name": "shop", "dir": str(folder)}, ["shop.key", "shop.crt"]),
    "qdrant_verify": (
        qdrant_verify,
        lambda folder: {"evidence": {"node1": EVIDENCE}, "fail_on": "never", "report_dir": str(folder)},
        ["report.html", "report.json", "junit.xml", "report.md", "report.sarif"],
    ),
}
VARIABLES = {
    "qdrant_api_key": KEY,
    "qdrant_client_ca_certificate": CA,
    "qdrant_client_ca_private_key": CA_KEY,
    "groups": {},
    "hostvars": {},
    "ansible_inventory_sources": [],
}
# A host of the group whose certificates are none of this test's business.
NODES = ["node1", "node2", "node3"]
OF_NODE1 = {**VARIABLES, "groups": {"qdrant": NODES}, "hostvars": {name: {} for name in NODES}}


def variables_for(module) -> dict:
    return OF_NODE1 if module is qdrant_verify else VARIABLES


PRIVATE = {"file", "vault.yml", "keys.yml", "token", "shop.key", "shop.crt", "report.html", "report.json", "report.md", "report.sarif", "junit.xml"}


@pytest.mark.parametrize("name", WRITERS)
def test_files_are_made_with_their_mode(run, tmp_path, name):
    module, words, files = WRITERS[name]
    folder = tmp_path / "group_vars/qdrant"
    run(module, variables=variables_for(module), **words(folder))
    made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert made == {file: 0o600 if file in PRIVATE else 0o644 for file in files}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_others_may_write_gets_no_file(run, tmp_path, name, check):
    module, words, _files = WRITERS[name]
    folder = tmp_path / "group_vars/qdrant"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    with pytest.raises(AnsibleActionFail, match=r"group_vars/qdrant may be written by everyone \(mode 0777\). Take that away \(chmod go-w"):
        run(module, check=check, variables=variables_for(module), **words(folder))
    assert not list(folder.iterdir())


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(("name", "file"), [(name, file) for name, (_module, _words, files) in WRITERS.items() for file in files])
def test_no_file_is_written_through_a_symlink(run, tmp_path, name, file, check):
    module, words, _files = WRITERS[name]
    folder, victim = tmp_path / "group_vars/qdrant", tmp_path / "victim"
    folder.mkdir(parents=True)
    victim.write_text("theirs")
    (folder / file).symlink_to(victim)
    arguments = {**words(folder)}
    kept = (name, file) in (("qdrant_init", "main.yml"), ("qdrant_init", "vault.yml"))
    if kept:
        assert str(folder / file) in run(module, check=check, variables=variables_for(module), **arguments)["kept"]
    else:
        with pytest.raises(AnsibleActionFail, match=f"{file}.* (is a symlink, to {victim}|is there already)"):
            run(module, check=check, variables=variables_for(module), **arguments)
    assert victim.read_text() == "theirs" and (folder / file).is_symlink()
    assert not [path for path in folder.iterdir() if TEMPORARY.fullmatch(path.name)]


def test_saved_evidence_is_read_where_nobody_else_could_have_written_it(run, tmp_path):
    run(qdrant_verify, evidence={"node1": EVIDENCE}, fail_on="never", report_dir=str(tmp_path / "report"), variables=OF_NODE1)
    saved = tmp_path / "report/report.json"
    for option in ("evidence_file", "compare_with"):
        words = {"fail_on": "never", **({"evidence": {"node1": EVIDENCE}} if option == "compare_with" else {})}
        assert run(qdrant_verify, variables=OF_NODE1, **words, **{option: str(saved)})["counts"]["passed"]
        saved.chmod(0o666)
        with pytest.raises(AnsibleActionFail, match="report.json may be written by everyone"):
            run(qdrant_verify, variables=OF_NODE1, **words, **{option: str(saved)})
        saved.chmod(0o600)
        (tmp_path / "link.json").symlink_to(saved)
        with pytest.raises(AnsibleActionFail, match="link.json is not read: it is a symlink"):
            run(qdrant_verify, variables=OF_NODE1, **words, **{option: str(tmp_path / "link.json")})
        (tmp_path / "link.json").unlink()
        with pytest.raises(AnsibleActionFail, match="there is no such file"):
            run(qdrant_verify, variables=OF_NODE1, **words, **{option: str(tmp_path / "none.json")})


# --- requests and what was signed -------------------------------------------------------------------------------------------


def test_requests_and_certificates_go_through_no_symlink(tmp_path):
    folder, victim = tmp_path / "csr", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("theirs")
    requests = _own.Folder(str(folder), "node1")
    for name, work in (("node1.csr", requests.ask), ("node1.crt", requests.signed)):
        (folder / name).symlink_to(victim)
        with pytest.raises(_own.OwnError, match=f"{name} is not read: it is a symlink"):
            work("request")
        (folder / name).unlink()
    assert requests.ask("request") and not requests.ask("request") and stat.S_IMODE((folder / "node1.csr").stat().st_mode) == 0o644
    (folder / "node1.csr").chmod(0o666)
    assert requests.ask("request"), "somebody may have changed it"
    folder.chmod(0o777)
    for work in (requests.ask, requests.signed):
        with pytest.raises(_own.OwnError, match="csr may be written by everyone"):
            work("other")
    assert victim.read_text() == "theirs"


@pytest.mark.parametrize("host", ["../node1", "/etc/node1", "a/../node2", "..", ".node1", "node1\n"])
def test_a_host_by_another_name_has_no_file(run, tmp_path, host):
    with pytest.raises(_own.OwnError, match="It comes from the name of a host"):
        _own.Folder(str(tmp_path / "csr"), host)
    for state in ("present", "absent"):
        with pytest.raises(AnsibleActionFail, match="It comes from the name of a host"):
            run(qdrant_controller_file, path=str(tmp_path / "csr"), name=host + ".crt", content="x", state=state)
    with pytest.raises(AnsibleLookupError, match="It comes from the name of a host"):
        read(host + ".challenges.json", tmp_path)


# --- the module and the lookup of roles --------------------------------------------------------------------------------------


def read(name, folder) -> list[str]:
    return lookup.LookupModule().run([name], {}, folder=str(folder))


def test_a_file_of_the_controller(run, tmp_path):
    path = tmp_path / "new/trust.pem"
    words = {"path": str(path), "content": "one\n", "mode": "0644"}
    predicted = run(qdrant_controller_file, check=True, **words)
    assert predicted["changed"] and not path.parent.exists()
    assert run(qdrant_controller_file, **words) == predicted
    assert predicted["diff"] == {
        "before_header": f"{path} (absent)",
        "before": "",
        "after_header": f"{path} (mode 0644)",
        "after": "one\n",
    }
    assert path.read_text() == "one\n" and stat.S_IMODE(path.stat().st_mode) == 0o644
    assert not run(qdrant_controller_file, **words)["changed"]
    path.chmod(0o640)
    assert run(qdrant_controller_file, **words)["diff"]["before_header"] == f"{path} (mode 0640)"
    assert read("trust.pem", path.parent) == ["one\n"]
    gone = {"path": str(path.parent), "name": "trust.pem", "state": "absent"}
    assert run(qdrant_controller_file, check=True, **gone)["changed"] and path.exists()
    assert run(qdrant_controller_file, **gone)["changed"] and not path.exists() and not run(qdrant_controller_file, **gone)["changed"]
    with pytest.raises(AnsibleLookupError, match="There is no file .*trust.pem"):
        read("trust.pem", path.parent)


def test_what_is_its_owners_alone_is_in_no_difference(run, tmp_path):
    path = tmp_path / "file"
    for content, mode in (("one", "0600"), ("two", "0600"), ("three", "0644")):
        assert run(qdrant_controller_file, path=str(path), content=content, mode=mode)["diff"]["after"] == ""
    path.chmod(0o600)
    diff = run(qdrant_controller_file, path=str(path), state="absent")["diff"]
    assert "three" not in str(diff) and "absent" in diff["after_header"]


def test_data_is_written_as_json(run, tmp_path):
    challenges = [{"type": "http-01", "value": "a.b"}]
    run(qdrant_controller_file, path=str(tmp_path), name="node1.challenges.json", content=challenges)
    assert json.loads(read("node1.challenges.json", tmp_path)[0]) == challenges
    (tmp_path / "node1.challenges.json").chmod(0o666)
    with pytest.raises(AnsibleLookupError, match="may be written by everyone"):
        read("node1.challenges.json", tmp_path)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"path": ""}, "path is empty"),
        ({"content": None}, "content is missing"),
        ({"content": 5}, "content is missing"),
        ({"state": "gone"}, "state is 'gone'"),
        ({"mode": "0666"}, "lets nobody else write"),
        ({"mode": "4755"}, "mode is '4755'"),
        ({"mode": 420}, "mode is 420"),
    ],
)
def test_words_that_write_no_file(run, tmp_path, words, expected):
    with pytest.raises(AnsibleActionFail, match=expected):
        run(qdrant_controller_file, **{"path": str(tmp_path / "file"), "content": "x", **words})
    assert not list(tmp_path.iterdir())


def test_the_documented_defaults_are_those_in_use():
    text = (PROJECT / "plugins/modules/qdrant_controller_file.py").read_text(encoding="utf-8")
    options = yaml.safe_load(text.split('r"""')[1].split('"""')[0])["options"]
    defaults = {name: option.get("default", "" if name == "path" else None) for name, option in options.items()}
    assert defaults == qdrant_controller_file.DEFAULTS


# --- the kind: no task of roles and playbooks writes on the controller by other means ------------------------------------------

# Modules that write a file where they run, and words by which others do.
FILE_MODULES = {"copy", "template", "file", "fetch", "get_url", "lineinfile", "blockinfile", "replace", "assemble", "unarchive", "tempfile"}


def tasks(entry, local=False):
    """The tasks of a play or block, with whether they run on the controller."""
    local = local or entry.get("delegate_to") in ("localhost", "127.0.0.1") or entry.get("connection") == "local"
    lists = [entry[key] for key in ("pre_tasks", "tasks", "post_tasks", "handlers", "block", "rescue", "always") if key in entry]
    if not lists:
        yield entry, local
    for inner in (task for entries in lists for task in entries):
        yield from tasks(inner, local)


def writing(entry, local) -> list[str]:
    """How a task writes on the controller beside our module."""
    modules = [key for key in entry if "." in key]
    found = [key for key in modules if local and key.rpartition(".")[2] in FILE_MODULES]
    found += [key for key in modules if key.endswith(".fetch") or key == "local_action"]
    arguments = [word for key in modules if isinstance(entry[key], dict) for word in entry[key]]
    return found + [word for word in arguments if local and (word == "dest" or word.endswith("_dest"))]


def test_tasks_write_on_the_controller_by_one_module():
    assert writing(*next(tasks({"delegate_to": "localhost", "ansible.builtin.copy": {"dest": "x"}}))) == ["ansible.builtin.copy", "dest"]
    places = [*PROJECT.glob("roles/*/tasks/**/*.yml"), *PROJECT.glob("roles/*/handlers/*.yml"), *PROJECT.glob("playbooks/*.yml")]
    found = {}
    for path in places:
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            for task, local in tasks(entry):
                if writing(task, local):
                    found["{}: {}".format(path.relative_to(PROJECT), task.get("name"))] = writing(task, local)
    assert len(places) > 50 and found == {}
