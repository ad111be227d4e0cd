# shellcheck shell=bash
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Work in named stages, to be sourced:
#   STAGE_LOGS=FOLDER        where each stage's output is kept, as NAME.log; set it first
#   stage NAME COMMAND ...   run a command as a stage; its exit code is the stage's. A function returns its errors itself:
#                            `set -e` is without effect in there
#   stages_summary           one line a stage, with its time; exit code 1 if one failed

_stages=()

stage() {
  local name=$1 started=$EPOCHREALTIME code=0 verdict=ok
  shift
  mkdir -p "$STAGE_LOGS"
  printf '\n== %s\n' "$name"
  # A pipe makes a subshell of the command, so no stage can change the shell of the next one.
  "$@" 2>&1 | tee "$STAGE_LOGS/$name.log" || code=${PIPESTATUS[0]}
  ((code == 0)) || verdict="FAILED ($code)"
  _stages+=("$(printf '%-14s %-12s %7s s' "$name" "$verdict" "$(_stage_seconds "$started")")")
  ((code == 0)) || printf '== %s failed; its output is in %s\n' "$name" "$STAGE_LOGS/$name.log"
  return "$code"
}

stages_summary() {
  local line failed=0
  printf '\n'
  for line in "${_stages[@]}"; do
    printf '%s\n' "$line"
    [[ $line != *FAILED* ]] || failed=1
  done
  return "$failed"
}

# Seconds since a time, with one digit behind the point. EPOCHREALTIME has six, and a comma in some languages.
_stage_seconds() {
  local started=${1/[.,]/} ended=${EPOCHREALTIME/[.,]/}
  local tenths=$(((ended - started) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}
