#!/usr/bin/env bash
# To be sourced: `again COMMAND...` runs what fetches something until it succeeds, three times at most, because where a
# network failed once, it may work the next time.

again() {
    local pause
    for pause in 2 10; do
        "$@" && return
        echo "failed, and is tried again: $*" >&2
        sleep "$pause"
    done
    "$@"
}

# apt-get fetches again by itself, and waits for another one to end.
APT_PATIENCE=(-o Acquire::Retries=5 -o DPkg::Lock::Timeout=300)
