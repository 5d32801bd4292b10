#!/usr/bin/env bash
# Source this file. `retry COMMAND...` runs a command that downloads something, up to three times until it succeeds.

retry() {
    local pause
    for pause in 2 10; do
        "$@" && return
        echo "failed, retrying in $pause s: $*" >&2
        sleep "$pause"
    done
    "$@"
}

# apt-get waits for another apt-get to release its lock.
APT_OPTIONS=(-o DPkg::Lock::Timeout=300)
