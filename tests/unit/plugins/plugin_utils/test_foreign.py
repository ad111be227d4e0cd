# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody else made is refused by its name, with the way around it or to take it over; what the collection made is not."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _foreign

ROLES = Path(__file__).parents[4] / "roles"
UNIT = "/etc/systemd/system/qdrant.service"
OWN_UNIT = {"path": UNIT, "own": True, "masked": False}
NO_UNIT = {"path": None, "own": False, "masked": False}


def folder(path, others=(), own=False):
    return {"path": path, "folder": True, "own": own, "others": list(others)}


# A host that never had a Qdrant.
CLEAN = {
    "account": None,
    "account_own": False,
    "user_ids": None,
    "units": dict.fromkeys(
        ("qdrant.service", "qdrant-firewall.service", "qdrant-expiry.service", "qdrant-expiry.timer", "qdrant-audit.service", "qdrant-audit.timer"), NO_UNIT
    ),
    "folders": {"install": None, "config": None, "data": None, "snapshots": None, "expiry": None},
    "files": {UNIT: None, UNIT + ".before-hardened-qdrant": None},
    "guard": {"table": None, "file": None},
    "docker": {"cli": True, "version": "26.1.5", "container": None, "network": None},
}
# One that this collection has deployed, and that has served.
DEPLOYED = {
    **CLEAN,
    "account": dict(_foreign.ACCOUNT),
    "account_own": True,
    "user_ids": {"uid": 997, "gid": 997},
    "units": {name: {**OWN_UNIT, "path": "/etc/systemd/system/" + name} for name in CLEAN["units"]},
    "folders": {
        "install": folder("/opt/qdrant", ["current", "releases"], own=True),
        "config": folder("/etc/qdrant", ["config.yaml", "secrets.yaml"], own=True),
        "data": folder("/var/lib/qdrant/storage", ["collections", "raft_state.json"], own=True),
        "snapshots": folder("/var/lib/qdrant/snapshots", ["docs"], own=True),
        "expiry": folder("/opt/qdrant/expiry", own=True),
    },
    "guard": {"table": True, "file": True},
    "docker": {"container": {"id": "ab" * 32, "own": True, "image": "x", "removes_itself": True}, "network": {"own": True}},
}
# The distribution's package, as it runs after its installation.
PACKAGED = {
    **CLEAN,
    "account": {"home": "/var/lib/qdrant", "shell": "/usr/sbin/nologin"},
    "user_ids": {"uid": 110, "gid": 110},
    "units": {**CLEAN["units"], "qdrant.service": {"path": "/usr/lib/systemd/system/qdrant.service", "own": False, "masked": False}},
    "folders": {
        **CLEAN["folders"],
        "config": folder("/etc/qdrant", ["config.yaml"]),
        "data": folder("/var/lib/qdrant/storage", ["collections", "raft_state.json"]),
        "snapshots": folder("/var/lib/qdrant/snapshots", ["docs"]),
    },
    "files": {**CLEAN["files"], "/var/lib/qdrant/snapshots": {"kind": "folder", "owner": "qdrant", "group": "qdrant", "mode": "0755"}},
}


def judge(state, wanted=(), **changes):
    values = {"user": "qdrant", "unit": "qdrant.service", "deployment": "docker", "bridged": True, "firewall": True, "timer": True, "audit": True}
    return _foreign.node(state, **{**values, "firewall_file": "/etc/qdrant/firewall.nft", "wanted": wanted, **changes})


def text(judged) -> str:
    return "\n".join(map(str, judged.problems))


def changed(state, **changes):
    """A state with changes of places, written a__b."""
    result = copy.deepcopy(state)
    for place, value in changes.items():
        target, names = result, place.split("__")
        for name in names[:-1]:
            target = target[name]
        target[names[-1]] = value
    return result


@pytest.mark.parametrize("state", [CLEAN, DEPLOYED, {}], ids=["clean", "deployed", "nothing"])
@pytest.mark.parametrize("deployment", ["systemd", "docker"])
def test_nothing_of_ones_own_is_refused(state, deployment):
    judged = judge(state, deployment=deployment)
    assert judged.problems == [] and judged.taken == {}


# Each cut of a first run: what is there without a mark is empty, or as it is wanted anyway.
CUTS = {
    "user": {"account": dict(_foreign.ACCOUNT)},
    "folders": {
        "account": dict(_foreign.ACCOUNT),
        "folders": {**CLEAN["folders"], **{kind: folder("/" + kind) for kind in ("install", "config", "data", "snapshots")}},
    },
    "gate": {"folders": {**CLEAN["folders"], "install": folder("/opt/qdrant", own=True), "config": folder("/etc/qdrant")}},
    "table": {"guard": {"table": True, "file": None}},
    "file": {"guard": {"table": True, "file": True}},
    "guard": {"units": {**CLEAN["units"], "qdrant-firewall.service": OWN_UNIT}},
    "settings": {"folders": {**CLEAN["folders"], "config": folder("/etc/qdrant", ["config.yaml", "secrets.yaml"], own=True)}},
    "unit": {"units": {**CLEAN["units"], "qdrant.service": OWN_UNIT}},
    "timer": {"folders": {**CLEAN["folders"], "expiry": folder("/opt/qdrant/expiry", own=True)}},
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_first_run_that_was_killed_is_not_refused_by_the_next(cut):
    assert text(judge({**CLEAN, **CUTS[cut]})) == ""


def test_a_user_whom_somebody_changed_is_mended_where_the_own_unit_runs_as_them():
    drifted = changed(DEPLOYED, account={"home": "/root", "shell": "/bin/bash"})
    assert text(judge(drifted)) == ""
    assert "user qdrant" in text(judge({**drifted, "account_own": False}))


CASES = {
    "user": (
        changed(CLEAN, account={"home": "/home/qdrant", "shell": "/bin/bash"}),
        ["user qdrant:", "'/bin/bash'", "qdrant_user", "qdrant_take_over: [user]"],
    ),
    "unit": (
        changed(CLEAN, **{"units__qdrant.service": {"path": UNIT, "own": False, "masked": False}}),
        ["unit qdrant.service:", UNIT, "would be replaced", "qdrant_take_over: [unit]", UNIT + ".before-hardened-qdrant"],
    ),
    "packaged unit": (
        changed(CLEAN, **{"units__qdrant.service": {"path": "/usr/lib/systemd/system/qdrant.service", "own": False, "masked": False}}),
        ["/usr/lib/systemd/system/qdrant.service", "would be overridden", "its package stays"],
    ),
    "masked unit": (
        changed(CLEAN, **{"units__qdrant.service": {"path": UNIT, "own": False, "masked": True}}),
        ["unit qdrant.service: somebody has masked it", "systemctl unmask qdrant.service"],
    ),
    "guard's unit": (
        changed(CLEAN, **{"units__qdrant-firewall.service": {"path": "/etc/systemd/system/x", "own": False, "masked": False}}),
        ["unit qdrant-firewall.service:", "Stop it, disable it and"],
    ),
    "timer": (
        changed(CLEAN, **{"units__qdrant-expiry.timer": {"path": "/etc/systemd/system/qdrant-expiry.timer", "own": False, "masked": False}}),
        ["unit qdrant-expiry.timer:"],
    ),
    "audit log's timer": (
        changed(CLEAN, **{"units__qdrant-audit.timer": {"path": "/etc/systemd/system/qdrant-audit.timer", "own": False, "masked": False}}),
        ["unit qdrant-audit.timer:"],
    ),
    "timer's folder": (changed(CLEAN, folders__expiry=folder("/opt/qdrant/expiry", ["cron.sh"])), ["/opt/qdrant/expiry", "'cron.sh'", "Move it away"]),
    "program": (changed(CLEAN, folders__install=folder("/opt/qdrant", ["qdrant"])), ["qdrant_install_dir ('/opt/qdrant')", "'qdrant'", "move it away"]),
    "settings": (changed(CLEAN, folders__config=folder("/etc/qdrant", ["config.yaml"])), ["qdrant_config_dir ('/etc/qdrant')", "'config.yaml'"]),
    "data": (
        changed(CLEAN, folders__data=folder("/srv/data", ["collections"])),
        ["qdrant_data_dir ('/srv/data')", "'collections'", "qdrant_take_over: [data_dir]", "qdrant_version"],
    ),
    "snapshots": (
        changed(CLEAN, folders__snapshots=folder("/srv/snapshots", ["docs"])),
        ["qdrant_snapshots_dir ('/srv/snapshots')", "chown -R qdrant /srv/snapshots; chmod 0700 /srv/snapshots"],
    ),
    "file": (
        changed(CLEAN, folders__data={"path": "/srv/data", "folder": False, "own": False, "others": []}),
        ["qdrant_data_dir ('/srv/data'): it is no folder"],
    ),
    "container": (
        changed(CLEAN, docker__container={"id": "ab" * 32, "own": False, "image": "qdrant/qdrant:latest", "removes_itself": False}),
        ["container qdrant:", "'qdrant/qdrant:latest'", "docker rename qdrant NAME", "qdrant_take_over: [container]", "keeps its volumes"],
    ),
    "network": (changed(CLEAN, docker__network={"own": False}), ["network qdrant of Docker:", "docker network rm qdrant", "qdrant_docker_network: host"]),
    "table": (changed(CLEAN, guard__table=False), ["table inet hardened_qdrant:", "nft delete table inet hardened_qdrant"]),
    "rules": (changed(CLEAN, guard__file=False), ["file /etc/qdrant/firewall.nft:", "qdrant_firewall_file"]),
}


@pytest.mark.parametrize("name", CASES)
def test_what_others_made_is_refused_by_name_with_a_way_out(name):
    state, expected = CASES[name]
    judged = judge(state)
    assert len(judged.problems) == 1 and judged.taken == {}
    for words in expected:
        assert words in text(judged)


def test_a_package_is_refused_thing_by_thing_and_taken_over_thing_by_thing():
    judged = judge(PACKAGED)
    assert [problem.where.partition(" ")[0] for problem in judged.problems] == [
        "user", "unit", "qdrant_config_dir", "qdrant_data_dir", "qdrant_snapshots_dir",
    ]  # fmt: skip
    judged = judge(PACKAGED, wanted={"user", "unit", "data_dir"})
    assert judged.taken == {"user": True, "unit": "elsewhere", "data_dir": True}
    assert [problem.where.partition(" ")[0] for problem in judged.problems] == ["qdrant_config_dir", "qdrant_snapshots_dir"]
    handed = {**PACKAGED, "files": {"/var/lib/qdrant/snapshots": {"kind": "folder", "owner": "qdrant", "mode": "0700"}}}
    assert "qdrant_snapshots_dir" not in text(judge(handed)), "handed over as the message says"


def test_root_is_nobody_to_take_over():
    judged = judge(changed(CLEAN, account={"home": "/root", "shell": "/bin/bash"}, user_ids={"uid": 0, "gid": 0}), wanted={"user"}, user="root")
    assert "user root" in text(judged) and "take it over" not in text(judged) and judged.taken == {}


def test_a_folder_that_does_not_look_like_data_is_not_handed_over_with_all_that_is_in_it():
    judged = judge(changed(CLEAN, folders__data=folder("/home/me", ["mail", "photos"])), wanted={"data_dir"})
    assert "'mail'" in text(judged) and "take it over" not in text(judged) and judged.taken == {}


def test_a_container_that_removes_itself_is_not_stopped():
    container = {"id": "ab" * 32, "own": False, "image": "x", "removes_itself": True}
    judged = judge(changed(CLEAN, docker__container=container), wanted={"container"})
    assert "container qdrant" in text(judged) and "take it over" not in text(judged) and judged.taken == {}
    kept = changed(CLEAN, docker__container={**container, "removes_itself": False})
    assert judge(kept, wanted={"container"}).taken == {"container": "ab" * 32}
    hostile = changed(kept, docker__container__id="--volumes qdrant")
    assert judge(hostile, wanted={"container"}).taken == {}


def test_a_unit_is_kept_once_and_never_over_an_earlier_one():
    state = changed(CLEAN, **{"units__qdrant.service": {"path": UNIT, "own": False, "masked": False}})
    kept = UNIT + ".before-hardened-qdrant"
    assert judge(state, wanted={"unit"}).taken == {"unit": "file"}
    killed = {**state, "files": {UNIT: {"sha256": "a"}, kept: {"sha256": "a"}}}
    assert judge(killed, wanted={"unit"}).taken == {"unit": "file"}, "a run that was killed after it had kept the file"
    other = {**state, "files": {UNIT: {"sha256": "b"}, kept: {"sha256": "a"}}}
    assert judge(other, wanted={"unit"}).taken == {} and kept in text(judge(other, wanted={"unit"}))


def test_only_what_is_in_the_way_is_looked_at():
    everything = changed(CLEAN, docker__container=CASES["container"][0]["docker"]["container"], docker__network={"own": False}, guard__table=False)
    everything["units"]["qdrant-expiry.timer"] = {"path": "/etc/systemd/system/qdrant-expiry.timer", "own": False, "masked": False}
    everything["units"]["qdrant-audit.timer"] = {"path": "/etc/systemd/system/qdrant-audit.timer", "own": False, "masked": False}
    assert text(judge(everything, deployment="systemd", firewall=False, timer=False, audit=False)) == ""
    assert "network qdrant" not in text(judge(everything, bridged=False))


def test_a_hosts_words_do_nothing_to_a_terminal():
    judged = judge(changed(CLEAN, folders__config=folder("/etc/qdrant", ["\x1b[2J\u202eevil", "a" * 500])))
    assert "\x1b" not in text(judged) and "\u202e" not in text(judged) and len(text(judged)) < 500


def test_a_wish_is_a_list_of_known_things():
    assert _foreign.accepted([]) == (set(), _foreign.Findings())
    wanted, found = _foreign.accepted(["user", "unit"])
    assert wanted == {"user", "unit"} and not found.problems
    for bad in ("user", {"user": True}, ["everything"], [["user"]], None):
        wanted, found = _foreign.accepted(bad)
        assert wanted == set() and "qdrant_take_over" in str(found.problems[0]), bad
    assert "Remove it" in _foreign.unneeded({"user", "unit"}, {"unit": "file"})[0]


def test_the_constants_are_those_of_the_roles():
    for role in ("qdrant", "qdrant_proxy"):
        variables = yaml.safe_load((ROLES / role / "vars/main.yml").read_text(encoding="utf-8"))
        assert variables[f"__{role}_account"] == _foreign.ACCOUNT
    assert yaml.safe_load((ROLES / "qdrant/vars/main.yml").read_text(encoding="utf-8"))["__qdrant_kept"] == _foreign.KEPT


# --- proxies -----------------------------------------------------------------------------------------------------------

NGINX = "/usr/sbin/nginx"
PROXY = {
    "account": None,
    "account_own": False,
    "units": {"qdrant-proxy.service": NO_UNIT, "nginx.service": NO_UNIT},
    "folders": {"install": None, "config": None},
    "libraries": {NGINX: None},
}


def proxied(state):
    return _foreign.proxy(state, user="qdrant-proxy", unit="qdrant-proxy.service", nginx=NGINX)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"units__nginx.service": {"path": "/etc/systemd/system/nginx.service", "own": False, "masked": True}},  # killed before the package came
        {"units__nginx.service": {"path": "/usr/lib/systemd/system/nginx.service", "own": False, "masked": False}, "libraries": {NGINX: ["/lib/x"]}},
        {"units__qdrant-proxy.service": {"path": "/etc/systemd/system/qdrant-proxy.service", "own": True, "masked": False}},
        {"folders": {"install": folder("/opt/qdrant-proxy"), "config": folder("/etc/qdrant-proxy")}},
    ],
)
def test_nothing_of_a_proxys_own_is_refused(changes):
    assert text(proxied(changed(PROXY, **changes))) == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"account": {"home": "/home/x", "shell": "/bin/sh"}}, ["user qdrant-proxy:", "Name another in qdrant_proxy_user"]),
        ({"units__qdrant-proxy.service": {"path": "/etc/systemd/system/qdrant-proxy.service", "own": False, "masked": False}}, ["unit qdrant-proxy.service:"]),
        ({"folders__install": folder("/opt/qdrant-proxy", ["bin"])}, ["qdrant_proxy_install_dir", "'bin'"]),
        ({"folders__config": folder("/etc/qdrant-proxy", ["nginx.conf"])}, ["qdrant_proxy_config_dir", "'nginx.conf'"]),
        ({"units__nginx.service": {"path": "/usr/local/nginx.service", "own": False, "masked": False}}, ["unit nginx.service:", "an nginx of its own"]),
    ],
)
def test_what_others_made_is_refused_of_a_proxy(changes, expected):
    judged = proxied(changed(PROXY, **changes))
    assert len(judged.problems) == 1 and "qdrant_take_over" not in text(judged)
    for words in expected:
        assert words in text(judged)
