# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the tests of properties draw their examples.

One commit has one verdict: the examples are the same in every run, and no example fails for the time that it took on a busy
machine. To look for new ones: pytest tests/unit --hypothesis-profile explore
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Fixtures that tests of several folders have in common.
pytest_plugins = ["ansible_collections.hardened.qdrant.tests.unit.upstream_server"]

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=1000)
settings.register_profile("same", settings.get_profile("explore"), max_examples=100, derandomize=True)
settings.load_profile("same")
