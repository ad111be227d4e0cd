# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking upstream, over a real connection to a server that answers as upstream does, and as it never should."""

from __future__ import annotations

import hashlib
import os
import stat
import time

import pytest
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _upstream
from ansible_collections.hardened.qdrant.plugins.plugin_utils._upstream import Client, UpstreamError
from ansible_collections.hardened.qdrant.tests.unit.upstream_server import ADVISORY, INDEX, digest, release, sends

RELEASES = "/repos/qdrant/qdrant/releases"
MANIFEST = "/v2/qdrant/qdrant/manifests/v1.20.0-unprivileged"
IMAGE_DIGEST = "sha256:" + hashlib.sha256(INDEX).hexdigest()


def asking(upstream, seconds=20.0) -> Client:
    return Client(upstream.ca_file, seconds)


def image(upstream) -> str:
    return upstream.image.replace("{version}", "1.20.0")


def test_releases_come_with_their_digests(upstream):
    found = _upstream.releases(asking(upstream), upstream.api)
    assert [one.version for one in found] == [(1, 20, 1), (1, 20, 0), (1, 19, 1), (1, 18, 3)]
    assert found[0].checksums == {name: digest("1.20.1", name) for name in ("x86_64", "aarch64")} and found[0].published == "2026-11-03"
    assert upstream.asked[0][0].endswith("/releases?per_page=50") and "Authorization" not in upstream.asked[0][1]


def test_weaknesses_come_as_ranges(upstream):
    (found,) = _upstream.advisories(asking(upstream), upstream.api)
    assert found.text((1, 19, 1)) == 'has the weakness "Answers twice" (GHSA-2222-3333-4444; CVE-2026-12345; high; mended in 1.19.2)'
    assert found.affects((1, 18, 0)) and not found.affects((1, 17, 9)) and not found.affects((1, 19, 2))


def test_nobody_elses_certificate_is_taken(upstream, tmp_path):
    with pytest.raises(UpstreamError, match=r"127\.0\.0\.1:\d+ cannot be asked: .*certificate"):
        _upstream.releases(Client("", 20), upstream.api)
    assert upstream.asked == []


def test_no_password_is_sent(upstream, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    _upstream.releases(asking(upstream), upstream.api)
    assert "Authorization" not in upstream.asked[0][1]


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:1/releases", "https://127.0.0.1:1/releases", "https://example.com/", "//example.com/", "file:///etc/passwd", ""]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_leads_to_another_host(upstream, target, status):
    upstream.replies[RELEASES] = sends(b"", status, **({"Location": target} if target else {}))
    with pytest.raises(UpstreamError, match="which is not followed"):
        _upstream.releases(asking(upstream), upstream.api)
    assert len(upstream.asked) == 1


def test_a_redirect_within_the_host_is_followed_but_not_for_ever(upstream):
    upstream.replies["/moved"] = upstream.replies[RELEASES]
    upstream.replies[RELEASES] = sends(b"", 301, Location="/moved")
    assert _upstream.releases(asking(upstream), upstream.api)
    upstream.replies[RELEASES] = sends(b"", 302, Location=RELEASES)
    with pytest.raises(UpstreamError, match="redirects without an end"):
        _upstream.releases(asking(upstream), upstream.api)


@pytest.mark.parametrize(
    ("status", "headers", "what"),
    [
        (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "1793000000"}, "answers no more requests from here until 2026-10-26"),
        (429, {"Retry_After": "60"}, "no more requests from here for 60 s"),
        (429, {}, "no more requests from here for now"),
        (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "soon\x1b"}, "answers with status 403"),
        (403, {}, "answers with status 403"),
        (404, {}, "answers with status 404"),
        (500, {}, "answers with status 500"),
    ],
)
def test_who_refuses_is_quoted(upstream, status, headers, what):
    upstream.replies[RELEASES] = sends({"message": "\x1b[2J"}, status, **headers)
    with pytest.raises(UpstreamError, match=what) as error:
        _upstream.releases(asking(upstream), upstream.api)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "no JSON"),
        (b"<html>", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 200000, "no JSON"),
        ({"message": "hello"}, "the whole does not fit type"),
        ([1], "0 does not fit type"),
        ([], "it has no release"),
        ([release("1.20.0", draft=True), release("1.20.1", prerelease=True), release("1.20.2-rc.1"), release("1.20.0\n")], "it has no release"),
        ([release("1.20.0", draft="no")], "0.draft does not fit type"),
        ([{"tag_name": "v1.20.0"}], "0 does not fit required"),
        ([release("1.20.0")] * 101, "the whole does not fit maxItems"),
        ([release("1.20.0"), release("1.20.0")], "two releases 1.20.0"),
        ([release("1.20.0", assets=[{"name": "qdrant-x86_64-unknown-linux-musl.tar.gz", "digest": "sha256:abc"}])], "for x86_64 that is no SHA-256"),
        ([release("1.20.0", assets=[{"name": "qdrant-x86_64-unknown-linux-musl.tar.gz", "digest": "sha512:" + "0" * 64}])], "for x86_64 that is no SHA-256"),
        ([release("1.20.0", assets=release("1.20.0")["assets"] * 2)], "two files"),
        (
            [
                release(
                    "1.20.0", assets=[{"name": f"qdrant-{name}-unknown-linux-musl.tar.gz", "digest": "sha256:" + "0" * 64} for name in ("x86_64", "aarch64")]
                )
            ],
            "the same digest for two",
        ),
    ],
)
def test_garbage_is_no_answer(upstream, body, what):
    upstream.replies[RELEASES] = sends(body)
    with pytest.raises(UpstreamError, match=rf"127\.0\.0\.1:\d+ does not answer as GitHub's API does: .*{what}"):
        _upstream.releases(asking(upstream), upstream.api)


def test_drafts_and_previews_are_passed_over(upstream):
    upstream.replies[RELEASES] = sends([release("1.21.0", draft=True), release("1.20.9", prerelease=True), release("1.20.0-beta"), release("1.19.1")])
    assert [one.version for one in _upstream.releases(asking(upstream), upstream.api)] == [(1, 19, 1)]


def test_a_release_without_files_has_no_digests(upstream):
    upstream.replies[RELEASES] = sends([release("1.20.0", assets=[]), release("1.19.1", assets=release("1.19.1")["assets"][:1])])
    found = _upstream.releases(asking(upstream), upstream.api)
    assert [(dict(one.checksums).keys() == set(), one.complete) for one in found] == [(True, False), (False, False)]


def test_an_answer_without_an_end_is_not_read(upstream, monkeypatch):
    monkeypatch.setattr(_upstream, "LARGEST", 1000)
    upstream.replies[RELEASES] = sends(b" " * 2000)
    with pytest.raises(UpstreamError, match="answers with more than 1000 bytes"):
        _upstream.releases(asking(upstream), upstream.api)


@pytest.mark.parametrize("where", ["status", "headers", "body"])
def test_who_is_slow_is_not_waited_for(upstream, where):
    """A byte now and then keeps a socket's own deadline from ending anything."""

    def drip(handler):
        if where != "status":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 1000\r\n\r\n" if where == "body" else b"X-A: "))
        while not upstream.stop.wait(0.2):
            handler.wfile.write(b" ")

    upstream.replies[RELEASES] = drip
    started = time.monotonic()
    with pytest.raises(UpstreamError, match="does not answer within 1 s"):
        _upstream.releases(asking(upstream, 1.0), upstream.api)
    assert time.monotonic() - started < 5


def test_the_deadline_is_for_all_questions_together(upstream):
    client = asking(upstream, 1.0)
    _upstream.releases(client, upstream.api)
    time.sleep(1.1)
    with pytest.raises(UpstreamError, match="does not answer within 1 s"):
        _upstream.releases(client, upstream.api)


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "ftp://127.0.0.1/x", "https://", "file:///etc/passwd", ""])
def test_only_https_is_spoken(url):
    with pytest.raises(UpstreamError, match="is no https URL"):
        Client().get(url)


def test_nobody_there_is_said(upstream):
    with pytest.raises(UpstreamError, match="127.0.0.1:1 cannot be asked: .*refused"):
        _upstream.releases(asking(upstream), "https://127.0.0.1:1")


@pytest.mark.parametrize(
    ("entry", "affected", "spared"),
    [
        ({"vulnerable_version_range": "< 1.19.1"}, ["0.1.0", "1.19.0"], ["1.19.1"]),
        ({"vulnerable_version_range": "<= v1.8.2"}, ["1.8.2"], ["1.8.3"]),
        ({"vulnerable_version_range": "= 1.9.0"}, ["1.9.0"], ["1.8.9", "1.9.1"]),
        ({"vulnerable_version_range": "> 1.9.0, < 1.10"}, ["1.9.1"], ["1.9.0", "1.10.0"]),
        ({"vulnerable_version_range": "some old ones", "patched_versions": "1.9.1, 1.10.2"}, ["1.0.0", "1.10.1"], ["1.10.2"]),
        ({"vulnerable_version_range": "< latest"}, ["99.0.0"], []),
        ({}, ["99.0.0"], []),
    ],
)
def test_ranges_are_read_as_people_write_them_and_what_is_not_clear_affects_all(upstream, entry, affected, spared):
    upstream.replies["/repos/qdrant/qdrant/security-advisories"] = sends([{**ADVISORY, "vulnerabilities": [entry]}])
    (found,) = _upstream.advisories(asking(upstream), upstream.api)
    for texts, expected in ((affected, True), (spared, False)):
        assert [found.affects(tuple(map(int, text.split(".")))) for text in texts] == [expected] * len(texts)


@pytest.mark.parametrize(
    "changes", [{"ghsa_id": "GHSA-x"}, {"severity": "huge"}, {"summary": ""}, {"summary": "a" * 3000}, {"cve_id": "CVE-1"}, {"vulnerabilities": "all"}]
)
def test_an_advisory_that_is_none_is_no_answer(upstream, changes):
    upstream.replies["/repos/qdrant/qdrant/security-advisories"] = sends([{**ADVISORY, **changes}])
    with pytest.raises(UpstreamError, match="does not answer as GitHub's API does: 0"):
        _upstream.advisories(asking(upstream), upstream.api)


def test_a_title_that_steers_terminals_is_shown_as_text(upstream):
    upstream.replies["/repos/qdrant/qdrant/security-advisories"] = sends([{**ADVISORY, "summary": 'a\x1b[2J"b\nc', "severity": None}])
    (found,) = _upstream.advisories(asking(upstream), upstream.api)
    assert found.summary == 'has the weakness "a\\x1b[2J\'b c"' and found.severity == "medium"


def test_a_withdrawn_advisory_is_none(upstream):
    upstream.replies["/repos/qdrant/qdrant/security-advisories"] = sends([{**ADVISORY, "withdrawn_at": "2026-11-01T00:00:00Z"}])
    assert _upstream.advisories(asking(upstream), upstream.api) == []


def test_an_images_digest_is_that_of_its_index(upstream):
    assert _upstream.image_digest(asking(upstream), image(upstream)) == IMAGE_DIGEST
    paths = [path for path, _headers in upstream.asked]
    assert paths == [MANIFEST, "/token?scope=repository%3Aqdrant%2Fqdrant%3Apull&service=test", MANIFEST]
    assert "index" in upstream.asked[0][1]["Accept"]


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (sends({}, 404), "status 404"),
        (sends({}, 401), "wants a log-in at an unknown place"),
        (sends({}, 401, WWW_Authenticate='Bearer realm="https://example.com/token"'), "wants a log-in at example.com"),
        (sends({}, 401, WWW_Authenticate='Bearer realm="http://127.0.0.1/token"'), "wants a log-in at"),
        (sends({}, 401, WWW_Authenticate="Basic realm=x"), "wants a log-in at an unknown place"),
        (sends(INDEX, Docker_Content_Digest="sha256:" + "0" * 64), "sends another index of .* than it says"),
        (sends({"schemaVersion": 2, "config": {}}), "has no index of images"),
        (sends(b"garbage"), "has no index of images"),
    ],
)
def test_a_registry_that_does_not_answer_so_pins_nothing(upstream, reply, what):
    upstream.replies[MANIFEST] = reply
    with pytest.raises(UpstreamError, match=what):
        _upstream.image_digest(asking(upstream), image(upstream))


@pytest.mark.parametrize("body", [b"", b"[]", {"token": 1}, {"token": "a b"}, {"token": "a\r\nX-A: b"}, {}])
def test_a_token_that_is_none_is_not_sent(upstream, body):
    upstream.replies["/token"] = sends(body)
    with pytest.raises(UpstreamError, match="gives no token"):
        _upstream.image_digest(asking(upstream), image(upstream))


@pytest.mark.parametrize("name", ["qdrant/qdrant:v1", "docker.io/qdrant/qdrant", "docker.io/../x:v1 y", "docker.io/qdrant/qdrant@sha256:" + "0" * 64, ""])
def test_an_image_needs_a_registry_and_a_tag(name):
    with pytest.raises(UpstreamError, match="is no image's name with registry and tag"):
        _upstream.image_digest(Client(), name)


def cosign(folder, monkeypatch, script: str) -> None:
    path = folder / "cosign"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_signature_is_checked_where_cosign_is_there(tmp_path, monkeypatch):
    name = "docker.io/qdrant/qdrant:v1.20.0-unprivileged"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _upstream.signature(name, IMAGE_DIGEST, "1.20.0") == (True, "its signature was not checked: cosign is not installed")
    monkeypatch.undo()
    cosign(tmp_path, monkeypatch, f'printf "%s\\n" "$@" >{tmp_path}/seen')
    good, said = _upstream.signature(name, IMAGE_DIGEST, "1.20.0")
    assert good and "signature is upstream's" in said
    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen[0] == "verify" and seen[-1] == f"docker.io/qdrant/qdrant@{IMAGE_DIGEST}"
    assert "https://github.com/qdrant/qdrant/.github/workflows/docker-image.yml@refs/tags/v1.20.0" in seen
    cosign(tmp_path, monkeypatch, "printf 'Error: no signatures\\033[2J\\n' >&2; exit 1")
    good, said = _upstream.signature(name, IMAGE_DIGEST, "1.20.0")
    assert not good and "does not confirm its signature: Error: no signatures\\x1b[2J" in said
    assert _upstream.signature("mirror.example/qdrant:v1", IMAGE_DIGEST, "1.20.0")[0] is True


def test_a_cosign_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(_upstream, "COSIGN_SECONDS", 0.5)
    cosign(tmp_path, monkeypatch, "exec sleep 60")
    good, said = _upstream.signature("docker.io/qdrant/qdrant:v1.20.0-unprivileged", IMAGE_DIGEST, "1.20.0")
    assert not good and "could not be checked" in said
