#!/usr/bin/env bash
# Install a container engine on a bare Debian machine and make a base image, because python:3.13-slim may be out of
# reach. What is already installed is not touched, so it can be run at any time. Source this file: it exports
# CONTAINERS_CONF, and the base image's name as BASE_IMAGE. Needs root.

source "$(dirname "${BASH_SOURCE[0]}")/retry.sh"

BASE_IMAGE=localhost/kafkalite-base
_containers="${XDG_CACHE_HOME:-$HOME/.cache}/kafkalite/containers"
export BASE_IMAGE CONTAINERS_CONF="$_containers/containers.conf"

_install_engine() {
    local tool missing=()
    for tool in podman runc debootstrap; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    ((${#missing[@]})) || return 0
    retry apt-get "${APT_OPTIONS[@]}" update -qq &&
        retry env DEBIAN_FRONTEND=noninteractive apt-get "${APT_OPTIONS[@]}" install -y -qq --no-install-recommends \
            "${missing[@]}" netavark aardvark-dns iptables >/dev/null
}

# A machine without systemd lacks its cgroups and limits; crun does not start there.
_configure_engine() {
    mkdir -p "$_containers" && cat >"$CONTAINERS_CONF" <<'CONF'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
CONF
}

# Start from an empty folder: debootstrap cannot continue after a failure.
_bootstrap() {
    rm -rf "$2" &&
        debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$1" "$2" "$3"
}

# Debian with Python, from the mirror that this machine's own packages come from. Takes about a minute, once.
_make_base_image() {
    podman image exists "$BASE_IMAGE" && return
    local root suite mirror
    root="$(mktemp -d)" && suite="$(. /etc/os-release && echo "$VERSION_CODENAME")" || return
    mirror="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $suite" 'Component: main' | head -n 1)"
    retry _bootstrap "$suite" "$root" "$mirror" >"$root.log" &&
        rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* &&
        tar -C "$root" -c . | podman import - "$BASE_IMAGE" >/dev/null || { tail "$root.log" >&2; return 1; }
    rm -rf "$root" "$root.log"
}

_install_engine && _configure_engine && _make_base_image || {
    echo "cannot install a container engine" >&2
    return 1 2>/dev/null || exit 1
}
