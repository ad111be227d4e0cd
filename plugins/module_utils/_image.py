# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server in an image: its digest, taken without running anything of the image."""

from __future__ import annotations

import os

from ansible_collections.hardened.qdrant.plugins.module_utils import _node
from ansible_collections.hardened.qdrant.plugins.module_utils._run import Run

SERVER = "/qdrant/qdrant"  # where upstream's images have it
CONTAINER = "hardened-qdrant-look"  # one name, so that what a killed run left is found and removed


class ImageError(Exception):
    """The engine refused something, or the image is not Qdrant's; the message says which."""


def docker(run: Run, *arguments: str) -> None:
    """Run a command of Docker's.

    :raises ImageError: it failed.
    """
    try:
        code, _output, error = run(["docker", *arguments])
    except OSError as problem:
        raise ImageError(f"docker: {problem}") from None
    if code != 0:
        raise ImageError(f"docker {arguments[0]}: {error.strip()}")


def server_digest(image: str, run: Run, folder: str) -> str:
    """Return SHA-256 of the server in an image, copied into a folder out of a container that is made and never started.

    :raises ImageError: the image has no server where upstream's have it, or a link in its place.
    """
    path = os.path.join(folder, "server")
    docker(run, "rm", "--force", CONTAINER)
    docker(run, "create", "--name", CONTAINER, "--network=none", "--pull=never", image)
    try:
        docker(run, "cp", f"{CONTAINER}:{SERVER}", path)
        # A link is copied as one, and would lead to a file of the host's.
        found = None if os.path.islink(path) or not os.path.isfile(path) else _node.digest(path)
    finally:
        docker(run, "rm", "--force", CONTAINER)
        if os.path.lexists(path) and not os.path.isdir(path):
            os.unlink(path)
    if found is None:
        raise ImageError(f"the image has no server at {SERVER}. Use Qdrant's own, or one with its layout")
    return found


def manifest(image: str, version: str, artefact: str, binary: str) -> dict[str, str]:
    """Return the manifest of an image in a release's folder."""
    return {"version": version, "artefact_sha256": artefact, "binary_sha256": binary, "image_id": image}
