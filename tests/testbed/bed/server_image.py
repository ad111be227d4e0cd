# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images of the server at hand for tests, with the layout of upstream's unprivileged one, since that cannot be pulled everywhere.

The server in /qdrant, beside config, storage and snapshots, an entry point, user 1000, all on Debian: shells included, as upstream's has them.
Unlike upstream's it has no /etc/ssl, so nothing but what the unit hands over can be trusted. A second kind has a bundle of CAs where upstream's has
the public ones.
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from . import images
from .engine import docker
from .server import Server
from .shell import Failure, cache_dir, locked, say

_DOCKERFILE = """\
ARG BASE
ARG HOST
FROM ${HOST} AS host
FROM ${BASE} AS debian
# What upstream's image has for its server. There may be no network to install it from, and hosts have it.
ARG LIBRARIES
COPY --from=host ${LIBRARIES}/libunwind*.so.* ${LIBRARIES}/
# What a container's Debian has not, and every host would have to be sent.
RUN rm -rf /usr/share/doc /usr/share/locale /usr/share/man /usr/share/i18n /usr/lib/systemd /usr/lib/python3* /var/cache /var/lib/apt/lists
# All CAs, and the links that lead to them.
RUN rm -rf /etc/ssl /usr/lib/ssl /usr/share/ca-certificates /usr/local/share/ca-certificates
FROM scratch
COPY --from=debian / /
WORKDIR /qdrant
COPY --chown=1000:1000 qdrant entrypoint.sh ./
COPY --chown=1000:1000 production.yaml config/
RUN mkdir storage snapshots && chown 1000:1000 . config storage snapshots
ENV RUN_MODE=production
EXPOSE 6333 6334
USER 1000:1000
CMD ["./entrypoint.sh"]
"""
# By the place where systems have them, and by a variable that some images set.
_WITH_CAS = "COPY ca-certificates.crt /etc/ssl/certs/\nENV SSL_CERT_DIR=/etc/ssl/certs\n"
_FILES = {
    "Dockerfile": _DOCKERFILE,
    "entrypoint.sh": '#!/bin/sh\nexec ./qdrant "$@"\n',
    # As open as the one that upstream's image has: whoever forgets to mount settings finds out.
    "production.yaml": "log_level: INFO\nservice:\n  host: 0.0.0.0\n",
}


def name(server: Server, with_cas: bool) -> str:
    """What the engine calls the image of a server."""
    return f"hardened-qdrant-server:{server.version}-unprivileged{'-with-cas' if with_cas else ''}"


def files(cas: bytes | None) -> dict[str, bytes]:
    """What an image is built from beside the server: file name to content. With a bundle of CAs, if there is one."""
    content = {path: text.encode() for path, text in _FILES.items()}
    if cas is not None:
        content["Dockerfile"] = _DOCKERFILE.replace("WORKDIR", _WITH_CAS + "WORKDIR").encode()
        content["ca-certificates.crt"] = cas
    return content


def archive(server: Server, cas: bytes | None) -> Path:
    """Where the image is kept: a file of its own for each server, and for each bundle."""
    return cache_dir() / "images" / f"server-{images.digest(files(cas), server.sha256, images.PACKAGES)[:8]}.tar"


def read_cas(path: Path) -> bytes:
    """A bundle of CAs.

    :raises Failure: it cannot be read, or holds no certificate.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Failure(f"{path} cannot be read ({error.strerror}): give a file of certificates in PEM form") from error
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise Failure(f"{path} holds no certificate in PEM form")
    return content


def ensure(server: Server, cas: bytes | None = None) -> Path:
    """The image as an archive of `docker save`, in the cache.

    :raises Failure: it cannot be built.
    """
    made = archive(server, cas)
    with locked("server-image"):
        if not made.exists():
            _build(server, cas, made)
    return made


def _build(server: Server, cas: bytes | None, made: Path) -> None:
    tag = name(server, cas is not None)
    images.ensure(["debian12"])
    say(f"making the image {tag}")
    folder = cache_dir() / "server-image"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, content in files(cas).items():
        (folder / path).write_bytes(content)
    (folder / "entrypoint.sh").chmod(0o755)
    shutil.copy(server.path, folder / "qdrant")
    (folder / "qdrant").chmod(0o755)
    arguments = {"BASE": images.base("debian12"), "HOST": images.tag("debian12"), "LIBRARIES": f"/usr/lib/{platform.machine()}-linux-gnu"}
    words = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    docker("build", "--network", "none", *words, "--tag", tag, str(folder), timeout=600)
    shutil.rmtree(folder)
    made.parent.mkdir(parents=True, exist_ok=True)
    # Renamed when it is complete: a run that is killed leaves nothing that looks like an archive.
    partial = made.with_suffix(".partial")
    docker("save", "--output", str(partial), tag, timeout=600)
    partial.rename(made)
