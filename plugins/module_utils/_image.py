# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server in an image: its digest, taken without running anything of the image."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import typing as t

SERVER = "/qdrant/qdrant"  # where upstream's images have it


class ImageError(Exception):
    """The engine refused something, or the image is not Qdrant's; the message says which."""


def docker(arguments: t.Sequence[str]) -> str:
    """What a command of Docker's prints.

    :raises ImageError: it failed.
    """
    try:
        result = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)
    except OSError as error:
        raise ImageError("docker cannot be run: %s" % error) from None
    if result.returncode != 0:
        raise ImageError("docker %s: %s" % (arguments[0], result.stderr.strip()))
    return result.stdout.strip()


def member_digest(stream: t.IO[bytes]) -> str:
    """SHA-256 of the one file in a tar archive that comes as a stream.

    :raises ImageError: there is none, or it is no regular file.
    """
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise ImageError("%s in the image is no regular file" % member.name)
            digest = hashlib.sha256()
            for block in iter(lambda: content.read(1 << 20), b""):
                digest.update(block)
            return digest.hexdigest()
    raise ImageError("the archive is empty")


def server_digest(image: str) -> str:
    """SHA-256 of the server in an image, read out of a container that is made and never started.

    :raises ImageError: the image has no server where upstream's have it.
    """
    container = docker(["create", "--network=none", "--pull=never", "--label=hardened.qdrant=look", image])
    try:
        command = ["docker", "cp", "%s:%s" % (container, SERVER), "-"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                return member_digest(t.cast(t.IO[bytes], process.stdout))
            except tarfile.TarError:
                raise ImageError("the image has no server at %s. Use Qdrant's own, or one with its layout" % SERVER) from None
            finally:
                process.kill()
    finally:
        docker(["rm", "--force", container])


def manifest(image: str, version: str, artefact: str, binary: str) -> dict[str, str]:
    """What a release's folder says of an image."""
    return {"version": version, "artefact_sha256": artefact, "binary_sha256": binary, "image_id": image}
