# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks upstream: releases and advisories at GitHub's API, an image's digest at its registry, an image's signature by cosign.

Over TLS that is verified, for a limited time and a limited number of bytes, without credentials; a redirect is followed within the same host and port
alone. Who answers is not trusted with more than the text of an answer, which _releases reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import re
import shutil
import subprocess
import threading
import time
import typing as t
import urllib.error
import urllib.parse
from dataclasses import dataclass
from datetime import UTC, datetime

from ansible.module_utils.urls import open_url
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _releases, _text, _weaknesses

API = "https://api.github.com/repos/qdrant/qdrant"
IMAGE = "docker.io/qdrant/qdrant"
# Registries whose API, and whose tokens, are at other hosts than their images are named by.
REGISTRIES = {"docker.io": "registry-1.docker.io"}
TOKEN_HOSTS = {"registry-1.docker.io": "auth.docker.io"}
# Of an index: a manifest of one image would pin one architecture.
INDEXES = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
# Seconds for everything, and for one wait within.
SECONDS, WAIT = 30.0, 10.0
LARGEST = 8 * 1024 * 1024  # bytes of an answer; upstream's 50 newest releases take less than one
REDIRECTS = 3
COSIGN_SECONDS = 60
ISSUER = "https://token.actions.githubusercontent.com"
# Source: .github/workflows/docker-image.yml of upstream, which signs what it builds for a tag.
IDENTITY = "https://github.com/qdrant/qdrant/.github/workflows/docker-image.yml@refs/tags/v{}"


Entry = t.TypeVar("Entry")


class UpstreamError(Exception):
    """There is no answer that can be used; the message says of whom, why, and what to do."""


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP; names of headers in small letters."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes


class Client:
    """Asks over HTTPS. ``ca_file`` names CAs in the place of the system's; ``seconds`` is for all that one client asks."""

    def __init__(self, ca_file: str = "", seconds: float = SECONDS) -> None:
        self._ca_file = ca_file
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def get(self, url: str, accept: str = "application/json", token: str = "") -> Answer:
        """Return an answer, which may be of any status but a redirect.

        :raises UpstreamError: there is none, within the time and the size that it may have.
        """
        headers = {"Accept": accept, "Accept-Encoding": "identity", **({"Authorization": f"Bearer {token}"} if token else {})}
        for _attempt in range(REDIRECTS + 1):
            answer = self._ask(url, headers)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            url = _redirected(url, answer.headers.get("location", ""))
        raise UpstreamError(f"{host_of(url)} redirects without an end. Try again later, or name another address")

    def _ask(self, url: str, headers: dict[str, str]) -> Answer:
        """Return an answer, in a thread of its own: looking up a name, or headers that come byte by byte, can be ended no other way."""
        if not re.match(r"https://[^/?#\s]+", url):
            raise UpstreamError(f"{_shown(url)} is no https URL. Write one: who answers without TLS can be anyone")
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._late(url)
        answers: queue.Queue[Answer | Exception] = queue.Queue()

        def ask() -> None:
            try:
                answers.put(_answer(url, headers, min(WAIT, left), self._ca_file))
            except Exception as error:  # it is the asker's, in the other thread
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            found = answers.get(timeout=left)
        except queue.Empty:
            raise self._late(url) from None
        if isinstance(found, UpstreamError):
            raise found
        if isinstance(found, Exception):
            why = found.reason if isinstance(found, urllib.error.URLError) else found
            raise UpstreamError(f"{host_of(url)} cannot be asked: {_shown(why)}") from None
        return found

    def _late(self, url: str) -> UpstreamError:
        return UpstreamError("%s does not answer within %d s" % (host_of(url), self._seconds))


def _answer(url: str, headers: dict[str, str], wait: float, ca_file: str) -> Answer:
    try:
        response = open_url(
            url,
            headers=headers,
            timeout=wait,
            validate_certs=True,
            ca_path=ca_file or None,
            follow_redirects="no",
            http_agent="hardened.qdrant",
            # Nobody's password is sent, whatever ~/.netrc says.
            use_netrc=False,
            decompress=False,
        )
    except urllib.error.HTTPError as error:
        response = error
    with contextlib.closing(response):
        found = {name.lower(): value for name, value in response.headers.items()}
        body = response.read(LARGEST + 1) if response.status == 200 else b""
    if len(body) > LARGEST:
        raise UpstreamError("%s answers with more than %d bytes" % (host_of(url), LARGEST))
    return Answer(response.status, found, body)


def host_of(url: str) -> str:
    return _shown(urllib.parse.urlsplit(url).netloc)


def _shown(text: t.Any) -> str:
    return _text.clean(str(text), 200)


def _redirected(url: str, location: str) -> str:
    """Return where a redirect leads, if that is the same host and port over HTTPS."""
    old, target = urllib.parse.urlsplit(url), urllib.parse.urljoin(url, location)
    new = urllib.parse.urlsplit(target)
    if not location or (new.scheme, new.netloc) != (old.scheme, old.netloc):
        raise UpstreamError(f"{host_of(url)} redirects to {_shown(target)}, which is not followed. Name that address yourself, if it is the right one")
    return target


def _limited(answer: Answer) -> str:
    """Return until when a host refuses more requests; empty if that is not why it refuses."""
    if answer.status not in (403, 429):
        return ""
    reset, wait = answer.headers.get("x-ratelimit-reset", ""), answer.headers.get("retry-after", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and re.fullmatch(r"[0-9]{1,10}", reset):
        return "until {}".format(datetime.fromtimestamp(int(reset), UTC).strftime("%Y-%m-%d %H:%M UTC"))
    return f"for {wait} s" if re.fullmatch(r"[0-9]{1,6}", wait) else "for now" if answer.status == 429 else ""


def _good(url: str, answer: Answer) -> bytes:
    limited = _limited(answer)
    if limited:
        raise UpstreamError(f"{host_of(url)} answers no more requests from here {limited}. Try again then")
    if answer.status != 200:
        raise UpstreamError("%s answers with status %d for %s" % (host_of(url), answer.status, _shown(url)))
    return answer.body


# --- GitHub's API --------------------------------------------------------------------------------------------------------


def releases(client: Client, api: str) -> list[_releases.Release]:
    """Return upstream's releases, the newest first."""
    return _listed(client, f"{api}/releases?per_page=50", _releases.parse_releases)


def advisories(client: Client, api: str) -> list[_weaknesses.Weakness]:
    """Return the weaknesses that upstream has published."""
    return _listed(client, f"{api}/security-advisories?state=published&per_page=100", _releases.parse_advisories)


def _listed(client: Client, url: str, parse: t.Callable[[bytes], list[Entry]]) -> list[Entry]:
    try:
        return parse(_good(url, client.get(url, "application/vnd.github+json")))
    except _releases.AnswerError as error:
        raise UpstreamError(f"{host_of(url)} does not answer as GitHub's API does: {error}") from None


# --- a registry ----------------------------------------------------------------------------------------------------------


def image_digest(client: Client, image: str) -> str:
    """Return the digest (sha256:...) of an image's index, by its name and tag, as the registry's API (OCI distribution) gives it.

    It is computed from what the registry sent, and must be what the registry says.
    """
    named = re.fullmatch(r"([a-z0-9.-]+(?::[0-9]{1,5})?)/([a-z0-9._/-]{1,200}):([A-Za-z0-9_][A-Za-z0-9._-]{0,127})", image)
    if not named or not re.search(r"[.:]", named[1]):
        raise UpstreamError(f"{_shown(image)} is no image's name with registry and tag")
    registry, path, tag = REGISTRIES.get(named[1], named[1]), named[2], named[3]
    url = f"https://{registry}/v2/{path}/manifests/{tag}"
    answer = client.get(url, INDEXES)
    if answer.status == 401:
        answer = client.get(url, INDEXES, _token(client, registry, path, answer.headers.get("www-authenticate", "")))
    body = _good(url, answer)
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    if answer.headers.get("docker-content-digest", digest) != digest:
        raise UpstreamError(f"{registry} sends another index of {_shown(image)} than it says")
    try:
        index = json.loads(body)
    except (ValueError, RecursionError):
        index = None
    if not isinstance(index, dict) or not isinstance(index.get("manifests"), list):
        raise UpstreamError(f"{registry} has no index of images under {_shown(image)}")
    return digest


def _token(client: Client, registry: str, path: str, challenge: str) -> str:
    """Return a token that reads public images. Registries want one from everybody."""
    said = dict(re.findall(r'(realm|service)="([^"\s]{1,300})"', challenge)) if challenge.startswith("Bearer ") else {}
    realm = urllib.parse.urlsplit(said.get("realm", ""))
    if realm.scheme != "https" or realm.netloc not in (registry, TOKEN_HOSTS.get(registry)):
        raise UpstreamError(f"{registry} wants a log-in at {_shown(realm.netloc or 'an unknown place')}, which is not done")
    query = urllib.parse.urlencode({"scope": f"repository:{path}:pull", **({"service": said["service"]} if "service" in said else {})})
    url = f"https://{realm.netloc}{realm.path}?{query}"
    body = _good(url, client.get(url))
    try:
        content = json.loads(body)
        token = content.get("token") or content["access_token"]
    except (ValueError, RecursionError, KeyError, AttributeError):
        token = ""
    if not isinstance(token, str) or not re.fullmatch(r"[A-Za-z0-9._~+/=-]{1,16384}", token):
        raise UpstreamError(f"{realm.netloc} gives no token")
    return token


def signature(image: str, digest: str, version: str) -> tuple[bool, str]:
    """Return whether an image may be pinned, and what is known of its signature, for a person.

    Without cosign, or for an image that is not upstream's own, its signature is not checked, and that is said.
    """
    name = image.rpartition(":")[0]
    if name != IMAGE:
        return True, f"its signature was not checked: {_shown(name)} is not upstream's {IMAGE}"
    program = shutil.which("cosign")
    if program is None:
        return True, "its signature was not checked: cosign is not installed"
    identity = IDENTITY.format(version)
    command = [program, "verify", "--certificate-oidc-issuer", ISSUER, "--certificate-identity", identity, f"{name}@{digest}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COSIGN_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, f"its signature could not be checked: {_shown(error)}"
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        return False, f"cosign does not confirm its signature: {_shown(last)}"
    return True, f"its signature is upstream's, of {identity} (cosign)"
