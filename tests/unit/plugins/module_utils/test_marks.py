# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection knows its own things by, and that it takes nobody else's for its own."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _firewall, _marks

ROLES = Path(__file__).parents[4] / "roles"
TEMPLATES = {
    "qdrant.service": ("qdrant/templates/qdrant.service.j2", "qdrant/templates/container.service.j2"),
    "qdrant-firewall.service": ("qdrant_firewall/templates/qdrant-firewall.service.j2",),
    "qdrant-expiry.service": ("qdrant_tls/templates/qdrant-expiry.service.j2",),
    "qdrant-expiry.timer": ("qdrant_tls/templates/qdrant-expiry.timer.j2",),
    "qdrant-audit.service": ("qdrant/templates/qdrant-audit.service.j2",),
    "qdrant-audit.timer": ("qdrant/templates/qdrant-audit.timer.j2",),
    "qdrant-proxy.service": ("qdrant_proxy/templates/qdrant-proxy.service.j2",),
}
PLACES = {
    "qdrant_install_dir": "/opt/qdrant",
    "qdrant_config_dir": "/etc/qdrant",
    "qdrant_data_dir": "/var/lib/qdrant/storage",
    "qdrant_snapshots_dir": "/var/lib/qdrant/snapshots",
    "qdrant_user": "qdrant",
}
# And what units' templates set themselves.
SET = {
    "gate": "/usr/bin/python3 -EsB /opt/qdrant/libexec/gate.py",
    "python": "/usr/bin/python3 -EsB /opt/qdrant/libexec",
    "files": "/run/hardened-qdrant/container",
    "stage": "/usr/bin/python3 -EsB /opt/qdrant-proxy/libexec/stage.py",
}


def rendered(template: str) -> str:
    """A unit's template with its folders, as far as this needs it."""
    text = (ROLES / template).read_text(encoding="utf-8")
    values = {**PLACES, **SET}
    # Each template takes them as parsed, by a name without the prefix.
    values.update({name.removeprefix("qdrant_"): value for name, value in PLACES.items()})
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: values.get(match[1], match[0]), text)


BY_HAND = """\
# LoadCredential=secrets.yaml: is what others do, beside /opt/qdrant/libexec/gate.py check
[Unit]
Description=Qdrant vector database
[Service]
User=qdrant
Environment=QDRANT__SERVICE__API_KEY=secret
ExecStart=/opt/qdrant/qdrant --config-path /etc/qdrant/config.yaml
WorkingDirectory=/var/lib/qdrant
[Install]
WantedBy=multi-user.target
"""


# --- units -------------------------------------------------------------------------------------------------------------


def test_every_unit_that_roles_write_has_a_mark():
    written = {path.name.removesuffix(".j2") for path in ROLES.glob("*/templates/*") if path.suffixes[-2:] in ([".service", ".j2"], [".timer", ".j2"])}
    assert written - {"container.service"} == set(_marks.UNITS) == set(TEMPLATES)


@pytest.mark.parametrize(("unit", "template"), [(unit, template) for unit, templates in TEMPLATES.items() for template in templates])
def test_what_roles_write_is_their_own(unit, template):
    assert _marks.is_own_unit(unit, rendered(template))


@pytest.mark.parametrize("unit", TEMPLATES)
@pytest.mark.parametrize("text", ["", BY_HAND, "[Service]\nExecStart=/bin/true\n"])
def test_what_others_write_is_not(unit, text):
    assert not _marks.is_own_unit(unit, text)


@pytest.mark.parametrize("template", TEMPLATES["qdrant.service"])
@pytest.mark.parametrize("gone", [r"gate\.py", r"container\.py", "LoadCredential", "hardened-qdrant"])
def test_a_unit_that_somebody_changed_is_still_ours_and_gets_mended(template, gone):
    lines = rendered(template).splitlines()
    assert _marks.is_own_unit("qdrant.service", "\n".join(line for line in lines if not re.search(gone, line)))


@pytest.mark.parametrize("template", TEMPLATES["qdrant.service"])
def test_a_unit_names_its_folders_and_its_user_and_no_others(template):
    text = rendered(template)
    for variable, path in PLACES.items():
        if variable != "qdrant_user":
            assert _marks.names_path(text, path), path
    assert _marks.names_user(text, "qdrant")
    # The server's names for its folders are none of the host's; and a folder is not what only begins like it.
    for path in ("/qdrant/storage", "/qdrant/snapshots", "/var/lib/qdrant/stor", "/lib/qdrant/storage", "/etc/qdran", "/srv/qdrant"):
        assert not _marks.names_path(text, path), path
    for user in ("root", "qdran", "qdrant2"):
        assert not _marks.names_user(text, user)


def test_a_unit_that_systemd_loaded_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(_marks._unit_addresses, "file_of", lambda unit: str(tmp_path / "etc" / unit))
    packaged = tmp_path / "qdrant.service"
    packaged.write_text(BY_HAND)
    assert _marks.unit("qdrant.service", "") == {"path": None, "own": False, "masked": False}
    assert _marks.unit("qdrant.service", str(packaged)) == {"path": str(packaged), "own": False, "masked": False}
    (tmp_path / "etc").mkdir()
    written = tmp_path / "etc/qdrant.service"
    # The file is gone, and nobody told systemd.
    assert _marks.unit("qdrant.service", str(written)) == {"path": None, "own": False, "masked": False}
    written.symlink_to("/dev/null")
    assert _marks.unit("qdrant.service", str(packaged)) == {"path": str(written), "own": False, "masked": True}
    written.unlink()
    written.write_text(rendered(TEMPLATES["qdrant.service"][0]))
    assert _marks.unit("qdrant.service", str(packaged)) == {"path": str(written), "own": True, "masked": False}
    assert _marks.own_text("qdrant.service") == written.read_text()
    written.write_text(BY_HAND)
    assert _marks.own_text("qdrant.service") == ""


# --- folders: each cut of a first run ----------------------------------------------------------------------------------

UNIT = rendered(TEMPLATES["qdrant.service"][0])
GATE = (ROLES / "qdrant/files/gate.py").read_text(encoding="utf-8")
STAGE = (ROLES / "qdrant_proxy/files/stage.py").read_text(encoding="utf-8")


def passes(kind: str, folder: Path, text: str = "", further: str = "") -> bool:
    """Whether nothing in a folder is taken for somebody else's."""
    seen = _marks.folder(kind, str(folder), text, further)
    return seen is None or seen["own"] or (seen["folder"] and not seen["others"])


def put(folder: Path, name: str, text: str = "x") -> None:
    """A file in a folder; a name that ends with a slash is a folder's."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(exist_ok=True) if name.endswith("/") else path.write_text(text)


# What the roles put into each folder, in the order in which they do.
STEPS = {
    "install": [
        ("root/", ""), ("root/etc/", ""), ("libexec/", ""), ("libexec/.ansible_tmpabcdgate.py", "draft"), ("libexec/gate.py", GATE),
        ("libexec/_wire.py", "x"), ("releases/1.19.0-abcdefab/release.tar.gz", "x"), ("releases/1.19.0-abcdefab/qdrant", "x"),
        ("releases/1.19.0-abcdefab/release.json", "{}"), ("current", "x"), ("expiry/root/", ""), ("expiry/expiry.py", "x"),
    ],
    "config": [
        (".firewall.nft.x1y2", "draft"), ("firewall.nft", "table inet hardened_qdrant {}"), ("tls/", ""), ("tls/generations/", ""),
        ("tls/generations/.pending-x7w2/tls.key", "x"), ("tls/current", "x"),
        ("config.yaml", (ROLES / "qdrant/templates/config.yaml.j2").read_text(encoding="utf-8")),
        ("outbound-ca.crt", "x"), (".secrets.x", "x"), ("secrets.yaml", "{}"), ("seccomp.json", "{}"),
    ],
    "data": [("lost+found/", ""), (".qdrant-initialized", ""), ("raft_state.json", "{}"), ("collections/", "")],
}  # fmt: skip


@pytest.mark.parametrize("kind", STEPS)
def test_a_first_run_that_was_killed_after_any_step_is_not_refused_by_the_next(kind, tmp_path):
    assert passes(kind, tmp_path / "folder")
    (tmp_path / "folder").mkdir()
    assert passes(kind, tmp_path / "folder")
    for name, text in STEPS[kind]:
        put(tmp_path / "folder", name, text)
        assert passes(kind, tmp_path / "folder", "", str(tmp_path / "folder/firewall.nft")), name


def test_a_proxy_that_was_killed_after_any_step_is_not_refused_either(tmp_path):
    for name, text in [("settings/", ""), ("root/", ""), ("libexec/", ""), ("libexec/stage.py", STAGE)]:
        put(tmp_path / "install", name, text)
        assert passes("install", tmp_path / "install"), name
    settings = (ROLES / "qdrant_proxy/templates/nginx.conf.j2").read_text(encoding="utf-8")
    for name, text in [("tls/generations/", ""), ("upstream-ca.crt", "x"), ("client-ca.crt", "x"), ("nginx.conf", settings)]:
        put(tmp_path / "config", name, text)
        assert passes("config", tmp_path / "config"), name


def test_a_server_that_was_killed_in_its_first_start_has_its_unit_to_speak_for_its_data(tmp_path):
    """The unit was there before the server, and names the folder."""
    put(tmp_path / "storage", "raft_state.json", "{}")
    assert not passes("data", tmp_path / "storage")
    assert passes("data", tmp_path / "storage", UNIT.replace("/var/lib/qdrant/storage", str(tmp_path / "storage")))
    put(tmp_path / "snapshots", "docs/docs-1.snapshot")
    assert not passes("snapshots", tmp_path / "snapshots")
    assert passes("snapshots", tmp_path / "snapshots", UNIT.replace("/var/lib/qdrant/snapshots", str(tmp_path / "snapshots")))


def test_a_unit_speaks_for_folders_whose_marks_are_gone(tmp_path):
    put(tmp_path / "config", "something")
    assert passes("config", tmp_path / "config", UNIT.replace("/etc/qdrant", str(tmp_path / "config")))
    assert not passes("config", tmp_path / "config", UNIT)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("install", ["qdrant"]),
        ("install", ["releases/v1/qdrant", "current"]),
        ("install", ["libexec/gate.py", "bin/qdrant"]),  # others' program of that name
        ("config", ["config.yaml"]),
        ("config", ["tls/server.pem"]),
        ("config", ["firewall.nft", "production.yaml"]),
        ("data", ["collections/docs/"]),
        ("data", ["anything"]),
        ("snapshots", ["docs/"]),
        ("expiry", ["cron.sh"]),
    ],
)
def test_what_others_put_into_a_folder_is_seen(kind, names, tmp_path):
    for name in names:
        put(tmp_path / "folder", name, "log_level: INFO\n")
    assert not passes(kind, tmp_path / "folder", "", str(tmp_path / "folder/firewall.nft"))


def test_few_names_of_many_are_told_and_none_of_a_file(tmp_path):
    for number in range(20):
        put(tmp_path / "folder", "file%02d" % number)
    assert _marks.folder("data", str(tmp_path / "folder"), "")["others"] == ["file%02d" % number for number in range(5)]
    put(tmp_path, "file")
    assert _marks.folder("data", str(tmp_path / "file"), "") == {"path": str(tmp_path / "file"), "folder": False, "own": False, "others": []}


def test_the_folder_of_the_timer_is_known_by_its_names(tmp_path):
    for name in ("root/", "expiry.py", "_certificate.py", "_wire.py", "__pycache__/"):
        put(tmp_path / "expiry", name)
        assert _marks.folder("expiry", str(tmp_path / "expiry"), "")["own"], name
    put(tmp_path / "expiry", "other")
    assert not _marks.folder("expiry", str(tmp_path / "expiry"), "")["own"]


# --- the firewall ------------------------------------------------------------------------------------------------------

TABLE = "inet hardened_qdrant"
RULES = (ROLES / "qdrant_firewall/templates/firewall.nft.j2").read_text(encoding="utf-8")
OURS = "table inet hardened_qdrant {\n\tchain guard {\n\t}\n}\n"
THEIRS = "table inet hardened_qdrant {\n\tchain input {\n\t\ttcp dport 22 accept\n\t}\n}\n"


def test_a_table_is_ours_by_its_chains_with_or_without_its_file():
    assert _firewall.is_own_table(OURS), "killed between kernel and file"
    assert _firewall.is_own_table("table inet hardened_qdrant {\n}\n"), "empty: nothing is lost"
    assert _firewall.is_own_table(THEIRS, THEIRS), "of a file that says so"
    assert not _firewall.is_own_table(THEIRS) and not _firewall.is_own_table(THEIRS, RULES)


def test_a_file_is_ours_by_what_it_speaks_of_or_by_the_unit_that_loads_it(tmp_path):
    path, unit = tmp_path / "firewall.nft", tmp_path / "unit"
    path.write_text("flush ruleset\ntable inet filter {}\n")
    assert not _firewall.is_own_file(TABLE, str(path), path.read_text(), str(unit))
    assert _firewall.is_own_file(TABLE, str(path), RULES, str(unit)) and _firewall.is_own_file(TABLE, str(path), "", str(unit))
    unit.write_text(f"ExecStart=/usr/sbin/nft --file {path}\n")
    assert _firewall.is_own_file(TABLE, str(path), "nonsense", str(unit)), "somebody broke our file, and it is mended"


def test_a_guard_is_seen_without_a_change(tmp_path):
    def nft(_arguments):
        return 0, THEIRS, ""

    path = tmp_path / "firewall.nft"
    assert _marks.guard(TABLE, str(path), nft) == {"table": False, "file": None}
    path.write_text("flush ruleset\n")
    assert _marks.guard(TABLE, str(path), lambda _arguments: (1, "", "No such file")) == {"table": None, "file": False}
    path.write_text(RULES)
    assert _marks.guard(TABLE, str(path), lambda _arguments: (0, OURS, "")) == {"table": True, "file": True}

    def no_nft(_arguments):
        raise OSError("no nft")

    assert _marks.guard(TABLE, str(path), no_nft) == {"table": None, "file": True}


def test_neither_table_nor_file_of_others_is_touched(tmp_path):
    path = tmp_path / "firewall.nft"
    with pytest.raises(_firewall.ForeignError, match="the table inet hardened_qdrant was not made by this collection.*nft delete table"):
        _firewall.refuse_foreign(TABLE, str(path), THEIRS, RULES)
    path.write_text("flush ruleset\n")
    with pytest.raises(_firewall.ForeignError, match="was not made by this collection, and stays"):
        _firewall.refuse_foreign(TABLE, str(path), "", RULES)
    path.write_text(RULES)
    _firewall.refuse_foreign(TABLE, str(path), OURS, RULES)


# --- containers --------------------------------------------------------------------------------------------------------

FOREIGN = {"Id": "ab" * 32, "Config": {"Image": "qdrant/qdrant:latest", "Labels": {"com.docker.compose.project": "x"}}, "HostConfig": {}, "Mounts": []}
LABELLED = {**FOREIGN, "Config": {"Image": "x", "Labels": {"hardened.qdrant": ""}}}
# As releases made it that had no label yet.
EARLIER = {**FOREIGN, "Mounts": [{"Source": "/run/hardened-qdrant/container/credentials"}], "HostConfig": {"AutoRemove": True}}
NETWORK = {"Name": "qdrant", "Labels": {}, "Options": {}}
EARLIER_NETWORK = {**NETWORK, "Options": {"com.docker.network.bridge.name": "qdrant0", "com.docker.network.bridge.enable_icc": "false"}}


def engine(container=None, networks=()):
    """Docker's command as far as it is asked."""

    def run(arguments):
        words = arguments[1:]
        if words[0] == "ps":
            rows = ["{}\tqdrant,alias".format(container["Id"])] if container else []
            return 0, "\n".join(["CONTAINER ID   NAMES", *rows, "%s\tqdrant-2" % ("cd" * 32)]), ""
        if words[:2] == ["network", "ls"]:
            return 0, "\n".join(["NETWORK ID   NAME", "0\tbridge", *("%d\tqdrant" % number for number in range(1, len(networks) + 1))]), ""
        return 0, json.dumps([container] if words[0] == "container" else list(networks)), ""

    return run


def test_containers_are_ours_by_label_or_by_what_is_mounted():
    assert _marks.containers(engine()) == {"container": None, "network": None}
    seen = _marks.containers(engine(FOREIGN, [NETWORK]))
    assert seen["container"] == {"id": "ab" * 32, "own": False, "image": "qdrant/qdrant:latest", "removes_itself": False}
    assert seen["network"] == {"own": False}
    seen = _marks.containers(engine(EARLIER, [EARLIER_NETWORK]))
    assert seen["container"]["own"] and seen["container"]["removes_itself"] and seen["network"] == {"own": True}
    assert _marks.containers(engine(LABELLED, [{**NETWORK, "Labels": {"hardened.qdrant": ""}}])) | {"container": None} == {
        "container": None, "network": {"own": True},
    }  # fmt: skip
    # Docker lets several networks have one name.
    assert _marks.containers(engine(None, [EARLIER_NETWORK, NETWORK]))["network"] == {"own": False}


@pytest.mark.parametrize("answer", [(1, "", "Cannot connect"), (0, "", "")])
def test_an_engine_that_does_not_say_is_no_engine_without_containers(answer):
    with pytest.raises(OSError, match="docker ps"):
        _marks.containers(lambda _arguments: answer)


# --- the unit's own steps ----------------------------------------------------------------------------------------------


@pytest.fixture
def steps(monkeypatch):
    """The program of the unit's steps, with an engine that keeps what it is asked, and has ``steps.there``."""
    spec = importlib.util.spec_from_file_location("container", ROLES / "qdrant/files/container.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.asked, module.there = [], {"container": [], "network": []}

    def run(*words, check=True, longer=0):
        module.asked.append(words[1:])
        kind = "network" if words[1] == "network" else "container"
        if words[1] == "ps" or words[1:3] == ("network", "ls"):
            return "\n".join(found["Id"] for found in module.there[kind])
        if words[2] == "inspect" and "--format" not in words:
            return json.dumps(module.there[kind])
        if words[1] == "rm" or words[1:3] == ("network", "rm"):
            module.there[kind] = [found for found in module.there[kind] if found["Id"] != words[-1]]
        return ""

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "mounted", lambda _folder: [])
    return module


def changes(steps) -> list[tuple]:
    return [words for words in steps.asked if words[0] in ("rm", "stop") or words[:2] in (("network", "rm"), ("network", "disconnect"), ("network", "create"))]


def arguments(steps, tmp_path, **further):
    values = {"folder": str(tmp_path / "run/container"), "user": "root", "subnet": "172.31.253.0/29", "gateway": "172.31.253.1", "bridge": "qdrant0"}
    return steps.argparse.Namespace(**{**values, "internal": False, "sources": ["/a", "/b"], "time": 90, **further})


def test_both_know_the_same_marks(steps):
    assert (steps.NAME, steps.LABEL, steps.FILES, steps.BRIDGE) == (_marks.NAME, _marks.LABEL, _marks.FILES, _marks.BRIDGE)
    for found in (FOREIGN, LABELLED, EARLIER):
        assert steps.own_container(found) == _marks.is_own_container(found)
    for found in (NETWORK, EARLIER_NETWORK, {**NETWORK, "Labels": {"hardened.qdrant": ""}}):
        assert steps.own_network(found) == _marks.is_own_network(found)
    unit = (ROLES / "qdrant/templates/container.service.j2").read_text(encoding="utf-8")
    assert f"--label={steps.LABEL} " in unit and "'{}'".format(steps.FILES.rstrip("/")) in unit


@pytest.mark.parametrize("found", [LABELLED, EARLIER], ids=["labelled", "earlier"])
def test_the_units_own_are_cleared_away_with_what_is_in_them(steps, tmp_path, found):
    steps.there = {"container": [found], "network": [{**EARLIER_NETWORK, "Id": "n1"}]}
    steps.clear(arguments(steps, tmp_path))
    assert changes(steps) == [("rm", "--force", "--volumes", found["Id"]), ("network", "rm", "n1")]


def test_others_are_neither_stopped_nor_cleared_away(steps, tmp_path):
    steps.there = {"container": [FOREIGN], "network": [{**NETWORK, "Id": "n1"}]}
    steps.stop(arguments(steps, tmp_path))
    steps.clear(arguments(steps, tmp_path))
    assert changes(steps) == []


def test_a_start_that_finds_others_fails_names_them_and_hands_nothing_over(steps, tmp_path):
    steps.there = {"container": [FOREIGN], "network": []}
    with pytest.raises(OSError, match=r"a container named qdrant \(of the image qdrant/qdrant:latest\) .* docker rename qdrant NAME"):
        steps.prepare(arguments(steps, tmp_path))
    steps.there = {"container": [], "network": [{**NETWORK, "Id": "n1"}]}
    with pytest.raises(OSError, match="a network named qdrant .* docker network rm qdrant"):
        steps.prepare(arguments(steps, tmp_path))
    assert changes(steps) == [] and not os.path.exists(str(tmp_path / "run"))


def test_on_the_hosts_network_the_name_of_a_network_is_nobodys_business(steps, tmp_path, monkeypatch):
    steps.there = {"container": [], "network": [{**NETWORK, "Id": "n1"}]}
    monkeypatch.setattr(steps, "hand_over", lambda *_words: None)
    monkeypatch.setattr(steps, "mount", lambda *_words: None)
    steps.prepare(arguments(steps, tmp_path, subnet=""))
    assert changes(steps) == []


def test_a_network_is_made_with_its_mark(steps, tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "hand_over", lambda *_words: None)
    monkeypatch.setattr(steps, "mount", lambda *_words: None)
    steps.prepare(arguments(steps, tmp_path))
    (made,) = changes(steps)
    assert "--label=hardened.qdrant" in made and made[-1] == "qdrant"


def test_the_own_one_is_stopped_in_its_time(steps, tmp_path):
    steps.there["container"] = [LABELLED]
    steps.stop(arguments(steps, tmp_path, time=7))
    assert changes(steps) == [("stop", "--time=7", LABELLED["Id"])]
