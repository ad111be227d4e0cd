# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node as a folder tree: what _node reads from it, and which restarts it concludes."""

from __future__ import annotations

import json

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _digests, _files, _node, _unit_addresses

LDD = """\
\tlinux-vdso.so.1 (0x00007ffd5a5f2000)
\tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f1)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f3)
"""


@pytest.fixture
def layout(tmp_path):
    folders = {name: str(tmp_path / name) for name in ("install_dir", "config_dir", "data_dir")}
    (tmp_path / "config_dir/tls/current").mkdir(parents=True)
    (tmp_path / "data_dir").mkdir()
    layout = _node.Layout(unit="qdrant.service", **folders)
    for number, name in enumerate(_node.CREDENTIALS):
        with open(layout.credential_source(name), "w", encoding="utf-8") as file:
            file.write("content %d" % number)
    (tmp_path / "config_dir/config.yaml").write_text("settings")
    release = tmp_path / "install_dir/releases/1.0.0-aaaaaaaa"
    release.mkdir(parents=True)
    (release / "qdrant").write_bytes(b"server")
    manifest = {"version": "1.0.0", "artefact_sha256": "a", "binary_sha256": _node.digest(str(release / "qdrant"))}
    (release / "release.json").write_text(json.dumps(manifest))
    (tmp_path / "install_dir/current").symlink_to("releases/1.0.0-aaaaaaaa")
    return layout


def record_of(layout):
    return {
        "schema": _node.RECORD_SCHEMA,
        "invocation": "abc",
        "release": layout.releases + "/1.0.0-aaaaaaaa/qdrant",
        "files": {path: _node.digest(path) for path in _node.handed_over(layout, [])},
    }


RUNNING = {"ActiveState": "active", "InvocationID": "abc", "DropInPaths": ""}


def test_nothing_is_due_when_the_disk_is_as_recorded(layout):
    assert _node.restart_reasons(layout, RUNNING, record_of(layout)) == []


def test_what_runs_is_what_was_started_whatever_is_in_use(layout, tmp_path):
    newer = tmp_path / "install_dir/releases/2.0.0-bbbbbbbb"
    newer.mkdir()
    (newer / "release.json").write_text('{"version": "2.0.0"}')
    (tmp_path / "install_dir/current").unlink()
    (tmp_path / "install_dir/current").symlink_to("releases/2.0.0-bbbbbbbb")
    record = record_of(layout)
    assert _node.running_version(layout, RUNNING, record) == "1.0.0"
    assert _node.running_version(layout, {**RUNNING, "ActiveState": "failed"}, record) is None
    assert _node.running_version(layout, {**RUNNING, "InvocationID": "other"}, record) is None
    assert _node.running_version(layout, RUNNING, {**record, "release": str(tmp_path / "elsewhere/qdrant")}) is None


def test_a_cluster_knows_its_peers_versions(tmp_path):
    def state(**content):
        (tmp_path / "raft_state.json").write_text(json.dumps(content))
        return _node.cluster_versions(str(tmp_path))

    assert _node.cluster_versions(str(tmp_path)) == []
    peers = {"1": "https://192.0.2.1:6335/", "2": "https://192.0.2.2:6335/"}
    metadata = {"1": {"version": "1.19.0"}, "2": {"version": "1.18.3"}, "3": {"version": "1.16.0"}}
    assert state(peer_address_by_id=peers, peer_metadata_by_id=metadata) == ["1.18.3", "1.19.0"], "one that left counts no more"
    assert state(peer_address_by_id=peers) == state(peer_address_by_id=[], peer_metadata_by_id=7) == []
    assert state(peer_address_by_id=peers, peer_metadata_by_id={"1": 3, "2": {"version": 4}}) == []


def test_nothing_is_due_when_nothing_runs(layout):
    assert _node.restart_reasons(layout, {"ActiveState": "failed"}, {}) == []


@pytest.mark.parametrize("name", _node.CREDENTIALS)
def test_each_changed_credential_is_a_reason(layout, name):
    record = record_of(layout)
    path = layout.credential_source(name)
    with open(path, "a", encoding="utf-8") as file:
        file.write("!")
    assert _node.restart_reasons(layout, RUNNING, record) == [f"{path} changed"]


def test_changed_settings_and_drop_ins_are_reasons(layout, tmp_path):
    record = record_of(layout)
    drop_in = tmp_path / "weaker.conf"
    drop_in.write_text("[Service]\n")
    (tmp_path / "config_dir/config.yaml").write_text("others")
    state = {**RUNNING, "DropInPaths": str(drop_in)}
    assert _node.restart_reasons(layout, state, record) == [f"{layout.config} changed", f"{drop_in} changed"]
    record["files"][str(drop_in)] = _node.digest(str(drop_in))
    assert f"{drop_in} is gone" in _node.restart_reasons(layout, RUNNING, record)


def test_what_is_staged_is_a_reason_and_what_the_process_runs_is_none(layout, tmp_path):
    """The plan before anything is put in use: of each entry, the process was started with it or was not."""
    record = record_of(layout)
    salt = _digests.salt()

    def plan(*entries, secrets="none"):
        return _node.restart_reasons(layout, RUNNING, record, _node.staged(layout, entries, record, str(tmp_path / secrets)))

    def file(path, text, **further):
        return _files.Entry(path, content=text, **further)

    settings, secrets = layout.config, layout.credential_source("secrets.yaml")
    assert plan() == [] and plan(file(settings, b"settings")) == []
    assert plan(file(settings, b"others")) == [f"{settings} changed"]
    # Edited in place while the process runs what is wanted: it is written back, and nothing is restarted.
    (tmp_path / "config_dir/config.yaml").write_text("edited")
    assert plan() == [f"{settings} changed"] and plan(file(settings, b"settings")) == []
    (tmp_path / "config_dir/config.yaml").write_text("settings")
    # Secrets by a digest, against those that systemd handed over.
    (tmp_path / "handed-over").write_text("content 0")
    for text, reasons in ((b"content 0", []), (b"new keys", [f"{secrets} changed"])):
        entry = _files.Entry(secrets, salt=salt, digest=_digests.digest(text, salt), secret=True)
        assert plan(entry, secrets="handed-over") == reasons
    # A certificate that waits.
    link = _files.Entry(str(tmp_path / "config_dir/tls/current"), _files.LINK, staged=str(tmp_path / "config_dir/tls/next"))
    assert plan(link) == []
    (tmp_path / "config_dir/tls/waiting").mkdir()
    for name in _node.CREDENTIALS[1:]:
        (tmp_path / "config_dir/tls/waiting" / name).write_text("new")
    (tmp_path / "config_dir/tls/next").symlink_to("waiting")
    assert plan(link) == [f"{layout.credential_source(name)} changed" for name in _node.CREDENTIALS[1:]] and plan() == []
    # A release, and a unit whose addresses alone differ.
    assert plan(_files.Entry(layout.current, _files.LINK, target="releases/1.0.0-aaaaaaaa")) == []
    assert plan(_files.Entry(layout.current, _files.LINK, target="releases/2.0.0-bbbbbbbb")) == ["another release is installed"]
    unit = b"[Service]\nIPAddressAllow=192.0.2.1\nBindReadOnlyPaths=%s\n"
    record["files"][layout.unit_file] = _unit_addresses.digest_of(unit % b"/x")
    assert plan(file(layout.unit_file, unit.replace(b"2.1", b"2.2") % b"/x")) == []
    assert plan(file(layout.unit_file, unit % b"/y")) == [f"{layout.unit_file} changed"]
    # What the unit names beside them counts as soon as it does.
    bundle = file(layout.outbound, b"CA")
    named = unit % layout.outbound.encode()
    assert plan(bundle, file(layout.unit_file, unit % b"/x")) == []
    assert plan(bundle, file(layout.unit_file, named)) == [f"{layout.outbound} changed", f"{layout.unit_file} changed"]


def test_another_release_is_a_reason(layout, tmp_path):
    record = record_of(layout)
    (tmp_path / "install_dir/current").unlink()
    (tmp_path / "install_dir/current").symlink_to("releases/2.0.0-bbbbbbbb")
    assert _node.restart_reasons(layout, RUNNING, record) == ["another release is installed"]


@pytest.mark.parametrize("record", [{}, {"schema": 0}, {"schema": _node.RECORD_SCHEMA, "invocation": "of another start"}])
def test_a_start_without_its_record_is_a_reason(layout, record):
    assert _node.restart_reasons(layout, RUNNING, record) == ["its start was not recorded"]


def test_releases_are_intact_only_with_the_recorded_digest(layout, tmp_path):
    def static(_arguments):
        return 1, "not a dynamic executable", ""

    assert [release.intact for release in _node.releases(layout, static)] == [True]
    (tmp_path / "install_dir/releases/1.0.0-aaaaaaaa/qdrant").write_bytes(b"another")
    assert [release.intact for release in _node.releases(layout, static)] == [False]


def test_a_release_without_manifest_is_not_intact(layout, tmp_path):
    (tmp_path / "install_dir/releases/1.0.0-aaaaaaaa/release.json").unlink()
    assert [release.intact for release in _node.releases(layout, lambda arguments: (1, "", ""))] == [False]


def test_libraries_are_what_the_loader_maps():
    assert _node.libraries("/x", lambda arguments: (0, LDD, "")) == [
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/lib/x86_64-linux-gnu/libgcc_s.so.1",
        "/lib64/ld-linux-x86-64.so.2",
    ]
    assert _node.libraries("/x", lambda arguments: (1, "\tnot a dynamic executable", "")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ExecStart=/qdrant/qdrant --uri=https://192.0.2.1:6335\n", {"uri": "https://192.0.2.1:6335"}),
        ("ExecStart=/q --uri https://a:1 \\\n  --bootstrap=https://b:1\n", {"uri": "https://a:1", "bootstrap": "https://b:1"}),
        ("ExecStart=/q\n", {}),
        ("", {}),
    ],
)
def test_start_arguments(tmp_path, text, expected):
    (tmp_path / "unit").write_text(text)
    assert _node.start_arguments(str(tmp_path / "unit")) == expected
    assert _node.start_arguments(str(tmp_path / "none")) == {}


@pytest.mark.parametrize(
    ("state", "scheme"),
    [
        ('{"peer_address_by_id": {"1": "https://192.0.2.1:6335/"}}', "https"),
        ('{"peer_address_by_id": {"1": "https://192.0.2.1:6335/", "2": "http://192.0.2.2:6335/"}}', "http"),
        ('{"peer_address_by_id": {}}', None),
        ("garbage", None),
    ],
)
def test_cluster_scheme(tmp_path, state, scheme):
    (tmp_path / "raft_state.json").write_text(state)
    assert _node.cluster_scheme(str(tmp_path)) == scheme


def test_an_address_is_this_hosts_if_something_could_listen_there():
    assert _node.has_address("127.0.0.1") and not _node.has_address("203.0.113.5") and not _node.has_address("2001:db8::5")
    assert not _node.has_address("no address")
