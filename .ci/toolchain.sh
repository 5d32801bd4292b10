#!/usr/bin/env bash
# Installs the toolchains of the conformance suite's clients on a bare Debian machine: kcat, a JDK, Maven, Go, Node.js.
# What is there is left alone, so it may be run at any time. Sourced, it also puts what it installs on PATH.
# The suite itself fetches the rest (jars, modules, packages) into the user's cache folder on first use.

source "$(dirname "${BASH_SOURCE[0]}")/again.sh"

GO_VERSION=1.26.0     # what go.mod of the Go drivers asks for
NODE_MAJOR=18

_older() { [[ "$1" != "$2" && "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" == "$1" ]]; }

_install_packages() {
    local -A package=([curl]=curl [kcat]=kcat [javac]=openjdk-17-jdk-headless [mvn]=maven [go]=golang-go [node]=nodejs [npm]=npm)
    local tool missing=() sudo=()
    for tool in "${!package[@]}"; do
        command -v "$tool" >/dev/null || missing+=("${package[$tool]}")
    done
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || sudo=(sudo)
    again "${sudo[@]}" apt-get "${APT_PATIENCE[@]}" update -qq &&
        again "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get "${APT_PATIENCE[@]}" install -y -qq --no-install-recommends "${missing[@]}"
}

# From 1.21 on, go fetches the toolchain that a go.mod asks for by itself. An older one can still download it as the
# module that it is; only the permissions of the programs are lost on the way.
_install_newer_go() {
    local version folder
    version="$(go env GOVERSION)"
    _older "${version#go}" 1.21 || return 0
    folder="$(again go mod download -json "golang.org/toolchain@v0.0.1-go$GO_VERSION.$(go env GOOS)-$(go env GOARCH)" |
        sed -n 's/.*"Dir": "\(.*\)".*/\1/p')" || return 1
    chmod -R u+w "$folder" && chmod u+x "$folder"/bin/* "$folder"/pkg/tool/*/* || return 1
    export PATH="$folder/bin:$PATH" GOTOOLCHAIN=local
}

_check_node() {
    local version
    version="$(node --version)" || return 1
    _older "${version#v}" "$NODE_MAJOR" || return 0
    echo "Node.js $NODE_MAJOR or newer is needed; this is $version" >&2
    return 1
}

_install_packages && _install_newer_go && _check_node || {
    echo "the toolchains are not complete" >&2
    # Sourced from a script with `set -e`, this return ends it; run by itself, exit does.
    return 1 2>/dev/null || exit 1
}
