# shellcheck shell=bash
# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Work in named stages, to be sourced:
#   STAGE_LOGS=FOLDER        where each stage's output is kept, as NAME.log; set it first
#   stage NAME COMMAND ...   run a command as a stage; its exit code is the stage's. A function returns its errors itself:
#                            `set -e` is without effect in there
#   stages_in_lanes LANES NAME ...
#                            run the functions run_NAME as stages, so many at a time, started in this order; what they print goes to
#                            their logs alone. Each one's exit code is in stage_codes[NAME] afterwards. Needs Bash 5.1
#   stages_summary           one line a stage, with its time; exit code 1 if one failed

_stages=()
declare -A stage_codes=()

stage() {
  local name=$1 started=$EPOCHREALTIME code=0
  shift
  mkdir -p "$STAGE_LOGS"
  printf '\n== %s\n' "$name"
  # A pipe makes a subshell of the command, so no stage can change the shell of the next one.
  "$@" 2>&1 | tee "$STAGE_LOGS/$name.log" || code=${PIPESTATUS[0]}
  _stage_ended "$name" "$code" "$started"
  ((code == 0)) || printf '== %s failed; its output is in %s\n' "$name" "$STAGE_LOGS/$name.log"
  return "$code"
}

stages_in_lanes() {
  local lanes=$1 ended code pid ticker
  shift
  # By the process's number.
  local -A running=() since=()
  mkdir -p "$STAGE_LOGS"
  # A process group for each, so that an interrupt ends all that a stage started.
  set -m
  # shellcheck disable=SC2064  # which ones run is asked when it happens
  trap 'for pid in "${!running[@]}"; do kill -INT -- "-$pid"; done; wait; exit 130' INT TERM
  sleep 60 &
  ticker=$!
  while (($# + ${#running[@]})); do
    while (($# && ${#running[@]} < lanes)); do
      printf '== %s: started\n' "$1"
      "run_$1" >"$STAGE_LOGS/$1.log" 2>&1 </dev/null &
      running[$!]=$1 since[$!]=$EPOCHREALTIME
      shift
    done
    code=0
    wait -n -p ended "${!running[@]}" "$ticker" || code=$?
    if [[ $ended == "$ticker" ]]; then
      for pid in "${!running[@]}"; do
        printf '   %s: %s s\n' "${running[$pid]}" "$(_stage_seconds "${since[$pid]}")"
      done
      sleep 60 &
      ticker=$!
      continue
    fi
    # shellcheck disable=SC2034  # for who sources this
    stage_codes[${running[$ended]}]=$code
    _stage_ended "${running[$ended]}" "$code" "${since[$ended]}"
    printf '== %s\n' "${_stages[-1]}"
    unset "running[$ended]" "since[$ended]"
  done
  kill "$ticker"
  wait "$ticker" 2>/dev/null
  trap - INT TERM
  set +m
}

_stage_ended() {
  local verdict=ok
  (($2 == 0)) || verdict="FAILED ($2)"
  _stages+=("$(printf '%-18s %-12s %7s s' "$1" "$verdict" "$(_stage_seconds "$3")")")
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
