# Sourced. timed NAME COMMAND...: runs the command and notes in build/times how long it took and how it ended.
# shellcheck shell=bash

timed() {
  local name=$1 began=$EPOCHREALTIME outcome=ok status=0
  shift
  "$@" || status=$?
  if ((status)); then
    outcome=FAILED
  fi
  printf '%s\t%s\t%s\t%s\n' "$name" "$began" "$EPOCHREALTIME" "$outcome" >>build/times
  return "$status"
}
