# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What servers of all versions read when they start is there in a container as well. The tests are those of tests/live/test_startup.py."""

from test_startup import seen, test_the_server_finds_what_it_reads

__all__ = ["seen", "test_the_server_finds_what_it_reads"]
