# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generations of certificates: what is due, and that no interruption leaves a node without one."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority

NOW = datetime.now(UTC)
LIFE = timedelta(days=90)
AUTHORITY = _authority.load(*_authority.create("test", NOW), NOW, LIFE)
ANOTHER = _authority.load(*_authority.create("another", NOW), NOW, LIFE)


def wanted(**changes) -> _certificate.Wanted:
    values = {
        "common_name": "node1",
        "dns_names": ["node1"],
        "ip_addresses": ["192.0.2.1"],
        "key_type": "ecdsa-p256",
        "issuer": AUTHORITY.pem(),
        "trust": AUTHORITY.pem(),
    }
    return _certificate.Wanted(**{**values, **changes})


def issue(store: _certificate.Store, want: _certificate.Wanted, now=NOW, life=LIFE) -> None:
    pending, request = store.make_request(want)
    store.install(pending, _authority.sign(AUTHORITY, request, want, now, life), want.trust, want, now)


@pytest.fixture
def store(tmp_path) -> _certificate.Store:
    store = _certificate.Store(str(tmp_path / "tls"))
    issue(store, wanted())
    return store


def test_nothing_is_due_of_a_fresh_certificate(store):
    assert store.report(wanted(), NOW).reasons() == []


def test_a_generation_is_staged_until_the_node_is_restarted(store):
    before = store.generation()
    want, later = wanted(key_type="ecdsa-p384"), NOW + timedelta(hours=1)
    pending, request = store.make_request(want)
    store.install(pending, _authority.sign(AUTHORITY, request, want, later, LIFE), want.trust, want, later, staged=True)
    staged = store.generation()
    assert staged != before and os.path.basename(os.readlink(store.current)) == before and os.path.basename(os.readlink(store.next)) == staged
    # Whoever asks what is in use is told of that.
    assert _certificate.Store(store.folder).generation() == before
    store.prune(1)
    assert set(os.listdir(store.generations)) == {before, staged}, "neither the one in use nor the staged one is removed"
    # A run that is killed here: the next one finds it, and makes no other.
    again = _certificate.Store(store.folder)
    assert again.look(lambda: again.report(want, later)).reasons() == [] and again.generation() == staged
    again.forget_staged()
    assert os.path.islink(store.next)
    # Wanted is what is in use, after all.
    again = _certificate.Store(store.folder)
    assert again.look(lambda: again.report(wanted(), later)).reasons() == [] and again.generation() == before
    again.forget_staged()
    assert not os.path.lexists(store.next)


def test_a_forced_renewal_that_was_killed_is_completed_by_a_run_without_force(store):
    """What is in use would do as well; but whoever forced a renewal had a reason."""
    want, later = wanted(), NOW + timedelta(hours=1)
    pending, request = store.make_request(want)
    store.install(pending, _authority.sign(AUTHORITY, request, want, later, LIFE), want.trust, want, later, staged=True)
    staged, again = store.generation(), _certificate.Store(store.folder)
    assert again.look(lambda: again.report(want, later)).reasons() == []
    again.forget_staged()
    assert again.generation() == staged and os.path.basename(os.readlink(store.next)) == staged
    # Asked for once more, it is made once more.
    forced = wanted(force=True)
    assert again.look(lambda: again.report(forced, later)).reissue


def test_what_is_put_in_use_leaves_nothing_staged(store):
    store.reinstall(AUTHORITY.pem(), NOW, staged=True)
    assert os.path.islink(store.next)
    issue(store, wanted(dns_names=["node1", "other"]), NOW + timedelta(hours=1))
    assert not os.path.lexists(store.next) and store.generation() == os.path.basename(os.readlink(store.current))


def test_a_staged_generation_whose_time_has_passed_is_due_again(store):
    want = wanted(key_type="ecdsa-p384")
    pending, request = store.make_request(want)
    store.install(pending, _authority.sign(AUTHORITY, request, want, NOW, LIFE), want.trust, want, NOW, staged=True)
    late = NOW + LIFE * 0.9
    again = _certificate.Store(store.folder)
    assert again.look(lambda: again.report(want, late)).reissue


def test_everything_is_due_without_one(tmp_path):
    assert _certificate.Store(str(tmp_path)).report(wanted(), NOW).reissue == ["there is no certificate"]


@pytest.mark.parametrize(
    ("want", "now", "expected"),
    [
        (wanted(dns_names=["node1", "db.example"]), NOW, "names are DNS:node1, IP:192.0.2.1"),
        (wanted(ip_addresses=["192.0.2.2"]), NOW, "names are"),
        (wanted(key_type="ecdsa-p384"), NOW, "its key is ecdsa-p256, wanted is ecdsa-p384"),
        (wanted(issuer=ANOTHER.pem()), NOW, "not signed by the CA that signs now"),
        (wanted(force=True), NOW, "asked for"),
        (wanted(), NOW + timedelta(days=61), "it expires on"),
        (wanted(), NOW + timedelta(days=91), "it expires on"),
        (wanted(), NOW - timedelta(hours=1), "it is not valid before"),
    ],
)
def test_reasons_for_a_new_certificate(store, want, now, expected):
    report = store.report(want, now)
    assert any(expected in reason for reason in report.reissue), report


def test_two_thirds_of_a_life_are_enough(store):
    assert store.report(wanted(), NOW + timedelta(days=59)).reasons() == []


def test_other_trust_keeps_key_and_certificate(store):
    key, chain, before = store.read("tls.key"), store.read("tls.crt"), store.generation()
    both = wanted(trust=AUTHORITY.pem() + ANOTHER.pem())
    report = store.report(both, NOW)
    assert report.reissue == [] and report.reinstall
    store.reinstall(both.trust, NOW)
    assert store.generation() != before
    assert (store.read("tls.key"), store.read("tls.crt")) == (key, chain)
    assert store.report(both, NOW).reasons() == []


@pytest.mark.parametrize("name", _certificate.FILES)
def test_a_lost_or_broken_file_makes_a_new_certificate_due(store, name):
    path = os.path.join(store.current, name)
    with open(path, "w", encoding="ascii") as file:
        file.write("garbage")
    assert store.report(wanted(), NOW).reasons()
    os.unlink(path)
    assert store.report(wanted(), NOW).reissue


def test_key_and_certificate_of_two_generations_are_noticed(store, tmp_path):
    other = _certificate.Store(str(tmp_path / "other"))
    issue(other, wanted())
    shutil.copy(os.path.join(other.current, "tls.key"), os.path.join(store.current, "tls.key"))
    assert "key and certificate do not match" in store.report(wanted(), NOW).reissue


def test_everything_is_its_owners_alone_and_wider_modes_are_mended(store):
    for folder, _folders, files in os.walk(store.folder):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        assert all(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) == 0o600 for name in files)
    os.chmod(os.path.join(store.current, "tls.key"), 0o644)
    report = store.report(wanted(), NOW)
    assert report.permissions and not report.reissue
    store.mend_permissions()
    assert store.report(wanted(), NOW).reasons() == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"ip_addresses": ["192.0.2.9"]}, "names are"), ({"issuer": ANOTHER.pem()}, "not signed by"), ({"key_type": "ecdsa-p384"}, "its key is")],
)
def test_a_certificate_that_was_not_asked_for_is_not_installed(store, change, expected):
    before = store.generation()
    pending, request = store.make_request(wanted())
    signed = _authority.sign(AUTHORITY, request, wanted(), NOW, LIFE)
    with pytest.raises(_certificate.CertificateError, match=expected):
        store.install(pending, signed, AUTHORITY.pem(), wanted(**change), NOW)
    assert store.generation() == before


def test_a_certificate_for_another_key_is_not_installed(store, tmp_path):
    _pending, request = _certificate.Store(str(tmp_path / "other")).make_request(wanted())
    pending, _request = store.make_request(wanted())
    with pytest.raises(_certificate.CertificateError, match="do not match"):
        store.install(pending, _authority.sign(AUTHORITY, request, wanted(), NOW, LIFE), AUTHORITY.pem(), wanted(), NOW)


def test_old_generations_go_and_the_one_in_use_stays(store):
    for day in range(1, 4):
        issue(store, wanted(), NOW + timedelta(days=day))
    in_use = store.generation()
    store.prune(2)
    assert len(os.listdir(store.generations)) == 2 and in_use in os.listdir(store.generations)
    os.mkdir(os.path.join(store.generations, "00-kept-by-hand"))
    store.prune(1)
    assert sorted(os.listdir(store.generations)) == ["00-kept-by-hand", in_use]


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.mark.parametrize("step", range(60))
def test_a_run_that_is_killed_at_any_step_is_finished_by_the_next(store, monkeypatch, step):
    """Every call that changes the disk is the last one, in turn."""
    count = 0
    before = store.generation()

    def dying(function):
        def call(*arguments, **named):
            nonlocal count
            count += 1
            if count > step:
                raise Killed
            return function(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for name in ("rename", "replace", "symlink", "unlink", "makedirs", "open", "fsync"):
            patch.setattr(os, name, dying(getattr(os, name)))
        try:
            issue(store, wanted(dns_names=["new"]), NOW + timedelta(seconds=1))
        except Killed:
            pass
    # What is in use is the old one as a whole, or the new one as a whole.
    assert store.report(wanted() if store.generation() == before else wanted(dns_names=["new"]), NOW).reasons() == []
    if store.generation() == before:
        issue(store, wanted(dns_names=["new"]), NOW + timedelta(seconds=2))
    store.make_request(wanted())
    assert sum(name.startswith(_certificate.PENDING) for name in os.listdir(store.generations)) == 1
    assert store.report(wanted(dns_names=["new"]), NOW).reasons() == []
