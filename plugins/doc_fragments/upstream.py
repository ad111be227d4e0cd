# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of whoever asks upstream."""

from __future__ import annotations


class ModuleDocFragment:
    """Where releases and images of Qdrant are asked for, worded once."""

    DOCUMENTATION = r"""
options:
  api_url:
    description: >-
      Source of releases and security advisories: a repository of GitHub's API, or a server with the same answers. Redirects are followed within its
      host alone.
    type: str
    default: https://api.github.com/repos/qdrant/qdrant
  image:
    description: The image whose digest is asked for, at its registry. C({version}) is replaced.
    type: str
    default: docker.io/qdrant/qdrant:v{version}-unprivileged
  ca_file:
    description: CAs, in the place of the system's, that the servers' certificates come from, a PEM file on the controller.
    type: str
    default: ""
  download_url:
    description: Where nodes fetch the release from, for the inventory, such as a mirror. Left out, upstream's.
    type: str
    default: ""
  timeout:
    description: Seconds that all questions together may take, 1 to 600.
    type: float
    default: 30
"""
