# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugins qdrant_releases and, as far as it pins a release, qdrant_init, against a server that answers as upstream does."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.action import ActionBase
from ansible_collections.hardened.qdrant.plugins.action import qdrant_init, qdrant_releases
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _weaknesses
from ansible_collections.hardened.qdrant.tests.unit.upstream_server import INDEX, digest, release, sends

RELEASES = "/repos/qdrant/qdrant/releases"
IMAGE_DIGEST = "sha256:" + hashlib.sha256(INDEX).hexdigest()
TODAY = datetime.now(UTC).date()


@pytest.fixture
def run(monkeypatch, upstream):
    """Run an action against the server; its result."""

    def call(module, check=False, nodes=None, **arguments):
        monkeypatch.setattr(ActionBase, "run", lambda *_arguments, **_named: {})
        plugin = module.ActionModule.__new__(module.ActionModule)
        plugin._task = SimpleNamespace(args={**upstream.arguments(), **arguments}, check_mode=check, async_val=0, action="x", delegate_to=None)
        plugin._templar = SimpleNamespace(template=lambda value: value)
        plugin._loader = SimpleNamespace(_vault=VaultLib([("default", VaultSecret(b"secret"))]))
        hosts = {f"node{number}": {"qdrant_version": version} for number, version in enumerate(nodes or [])}
        return plugin.run(task_vars={"groups": {"qdrant": list(hosts)}, "hostvars": hosts})

    return call


@pytest.fixture
def settings(tmp_path):
    folder = tmp_path / "group_vars/qdrant"
    folder.mkdir(parents=True)
    return folder


def pinned(settings) -> dict:
    return yaml.safe_load((settings / "release.yml").read_text())


def test_it_says_what_is_newer_and_what_that_mends_and_changes_nothing(run, upstream, settings, tmp_path):
    result = run(qdrant_releases, dir=str(tmp_path))
    assert result["changed"] is False and list(settings.iterdir()) == []
    assert [one["version"] for one in result["newer"]] == ["1.20.1", "1.20.0", "1.19.1"]
    assert "GHSA-jwrp-6pff-wg9c" in str(result["newer"][2]["mends"]) and "GHSA-2222-3333-4444" not in str(result["newer"][2]["mends"])
    assert "GHSA-2222-3333-4444" in str(result["newer"][2]["has"]) and result["newer"][0]["has"] == []
    assert any("The inventory's 1.19.0: lets collections named" in line for line in result["lines"]) and f"of {TODAY}, 0 days old" in result["lines"][0]


def test_it_pins_what_is_asked_for_with_a_list_that_knows_it(run, upstream, settings, tmp_path):
    result = run(qdrant_releases, dir=str(tmp_path), release="1.20.0", download_url="https://mirror.example/{version}/{arch}.tar.gz")
    assert result["changed"] and result["pinned"] == "1.20.0" and result["before"] == []
    found = pinned(settings)
    assert found == {
        "qdrant_version": "1.20.0",
        "qdrant_checksums": {"1.20.0": {name: digest("1.20.0", name) for name in ("x86_64", "aarch64")}},
        "qdrant_image_digest": IMAGE_DIGEST,
        "qdrant_download_url": "https://mirror.example/{version}/{arch}.tar.gz",
        "qdrant_weaknesses_file": "{{ inventory_dir }}/group_vars/qdrant/weaknesses.list",
    }
    text = (settings / "release.yml").read_text()
    assert f"# Release: {upstream.api}/releases, asked on {TODAY}." in text and "signature was not checked" in text
    known = _weaknesses.parse((settings / "weaknesses.list").read_bytes(), TODAY)
    assert known.newest == (1, 20, 1) and known.date == TODAY and known.of((1, 20, 1)) == []
    again = run(qdrant_releases, dir=str(tmp_path), release="1.20.0")
    assert again["changed"] is False and (settings / "release.yml").read_text() == text


def test_the_pin_before_is_kept_and_can_be_taken_back_without_upstream(run, upstream, settings, tmp_path):
    run(qdrant_releases, dir=str(tmp_path), release="1.19.1")
    result = run(qdrant_releases, dir=str(tmp_path), release="1.20.1")
    assert 'qdrant_version: "1.19.1"' in result["before"] and f'    aarch64: "{digest("1.19.1", "aarch64")}"' in result["before"]
    upstream.replies = {}
    back = run(qdrant_releases, dir=str(tmp_path), release="before")
    assert back["pinned"] == "1.19.1" and pinned(settings)["qdrant_version"] == "1.19.1" and "no way back to data" in back["lines"][0]
    assert pinned(settings)["qdrant_weaknesses_file"] and run(qdrant_releases, dir=str(tmp_path), release="before")["pinned"] == "1.20.1"


def test_there_is_nothing_to_take_back_at_first(run, settings, tmp_path):
    with pytest.raises(AnsibleActionFail, match="holds no earlier pin"):
        run(qdrant_releases, dir=str(tmp_path), release="before")


def test_check_mode_writes_nothing(run, settings, tmp_path):
    assert run(qdrant_releases, check=True, dir=str(tmp_path), release="newest")["pinned"] == "1.20.1"
    assert list(settings.iterdir()) == []


def test_what_runs_decides_how_far_the_newest_goes(run, settings, tmp_path):
    result = run(qdrant_releases, nodes=["1.18.3", "1.18.3"], dir=str(tmp_path), release="newest")
    assert result["pinned"] == "1.19.1" and result["newer"][0]["version"] == "1.20.1"
    result = run(qdrant_releases, nodes=["1.18.3"], dir=str(tmp_path), release="1.20.0")
    assert any("skips minor versions after 1.18.3" in line for line in result["lines"])
    result = run(qdrant_releases, nodes=["1.20.0"], dir=str(tmp_path), release="1.19.1")
    assert any("no way back" in line for line in result["lines"])


def test_an_answer_that_contradicts_the_collection_pins_nothing(run, upstream, settings, tmp_path):
    upstream.replies[RELEASES] = sends([release("1.20.0"), release("1.19.0")])
    with pytest.raises(AnsibleActionFail, match="says otherwise than this collection: the digest of 1.19.0 for x86_64 and aarch64 .* pin nothing before"):
        run(qdrant_releases, dir=str(tmp_path), release="1.20.0")
    assert list(settings.iterdir()) == []


def test_an_answer_that_contradicts_the_pin_is_said(run, upstream, settings, tmp_path):
    run(qdrant_releases, dir=str(tmp_path), release="1.20.0")
    changed = release("1.20.0", assets=[{"name": "qdrant-x86_64-unknown-linux-musl.tar.gz", "digest": "sha256:" + "0" * 64}])
    upstream.replies[RELEASES] = sends([release("1.20.1"), changed])
    for wanted in ("", "1.20.1", "1.20.0"):
        with pytest.raises(AnsibleActionFail, match="the digest of 1.20.0 for x86_64 is not the one that is known.* was exchanged after it was pinned"):
            run(qdrant_releases, dir=str(tmp_path), release=wanted)
    assert pinned(settings)["qdrant_checksums"]["1.20.0"]["x86_64"] == digest("1.20.0", "x86_64")


def test_without_upstream_it_says_what_the_collection_knows(run, upstream, settings, tmp_path):
    upstream.replies = {RELEASES: sends({}, 403, X_RateLimit_Remaining="0", X_RateLimit_Reset="1793000000")}
    with pytest.raises(
        AnsibleActionFail, match=r"no more requests from here until .* 1\.19\.0 has, by the collection's list of 2026-10-22 .*GHSA-jwrp-6pff-wg9c"
    ):
        run(qdrant_releases, dir=str(tmp_path))


def test_without_advisories_or_an_image_the_rest_is_pinned_and_that_is_said(run, upstream, settings, tmp_path):
    del upstream.replies["/repos/qdrant/qdrant/security-advisories"], upstream.replies["/v2/qdrant/qdrant/manifests/v1.20.0-unprivileged"]
    result = run(qdrant_releases, dir=str(tmp_path), release="1.20.0")
    assert set(pinned(settings)) == {"qdrant_version", "qdrant_checksums"} and not (settings / "weaknesses.list").exists()
    assert any("Weaknesses could not be asked for, so the list of 2026-10-22 stands" in line for line in result["lines"])
    assert any("is not pinned: " in line and "Without its digest it is not deployed" in line for line in result["lines"])


def test_a_file_of_somebody_elses_is_not_overwritten(run, settings, tmp_path):
    (settings / "release.yml").write_text('qdrant_version: "1.19.0"\n')
    with pytest.raises(AnsibleActionFail, match=r"release.yml is not as hardened\.qdrant\.releases writes it: .* Mend it, or move"):
        run(qdrant_releases, dir=str(tmp_path), release="1.20.0")
    assert (settings / "release.yml").read_text() == 'qdrant_version: "1.19.0"\n'


def test_a_folder_that_is_no_inventory_is_refused(run, tmp_path):
    with pytest.raises(AnsibleActionFail, match="is no folder of group variables"):
        run(qdrant_releases, dir=str(tmp_path), release="1.20.0")


def test_a_new_deployment_is_pinned_once(run, upstream, settings, tmp_path):
    folder = tmp_path / "new"
    result = run(qdrant_init, dir=str(folder))
    made = folder / "group_vars/qdrant"
    assert result["created"][0] == str(made / "release.yml") and "Pinned Qdrant 1.20.1" in result["release"][0] and "no known weakness" in result["release"][0]
    assert pinned(made)["qdrant_version"] == "1.20.1"
    text = (made / "release.yml").read_text()
    upstream.usual("1.21.0")
    assert run(qdrant_init, dir=str(folder))["release"] == [] and (made / "release.yml").read_text() == text


def test_what_is_there_keeps_the_version_that_it_has(run, upstream, settings, tmp_path):
    (settings / "main.yml").write_text("---\n")
    result = run(qdrant_init, dir=str(tmp_path))
    assert not (settings / "release.yml").exists() and result["release"] == [] and upstream.asked == []


def test_a_new_deployment_without_a_way_out_says_which_weaknesses_it_has(run, upstream, tmp_path):
    result = run(qdrant_init, dir=str(tmp_path / "new"), api_url="https://127.0.0.1:1")
    assert not (tmp_path / "new/group_vars/qdrant/release.yml").exists() and len(result["created"]) == 4
    told = " ".join(result["release"])
    assert "127.0.0.1:1 cannot be asked" in told and "the collection's 1.19.0 is deployed" in told and "GHSA-jwrp-6pff-wg9c" in told
    assert "hardened.qdrant.releases -e qdrant_release=newest" in told


def test_a_new_deployment_that_asks_for_a_version_gets_it_or_nothing(run, upstream, tmp_path):
    assert run(qdrant_init, dir=str(tmp_path / "one"), release="1.19.1")["release"][0].startswith("Pinned Qdrant 1.19.1")
    with pytest.raises(AnsibleActionFail, match=r"1\.20\.0 cannot be pinned: 127"):
        run(qdrant_init, dir=str(tmp_path / "two"), release="1.20.0", api_url="https://127.0.0.1:1")
    assert not (tmp_path / "two").exists()


def test_a_new_deployment_may_ask_nobody(run, upstream, tmp_path):
    result = run(qdrant_init, dir=str(tmp_path / "new"), release="none")
    assert upstream.asked == [] and "Nothing is pinned" in result["release"][0]
