#!/usr/bin/env bash
# Install the toolchains of the conformance suite's clients on a bare Debian machine: kcat, a JDK, Maven, Go, Node.js.
# Tools that are already installed are not touched, so it can be run at any time. When sourced, it also puts what it
# installs on PATH. The suite downloads the rest (jars, modules, packages) into the user's cache folder on first use.

source "$(dirname "${BASH_SOURCE[0]}")/retry.sh"

GO_VERSION=1.26.0     # what go.mod of the Go drivers requires
NODE_MAJOR=18
# Maven's runs are short: compiling to machine code in full takes longer than it saves.
export MAVEN_OPTS="${MAVEN_OPTS:--XX:TieredStopAtLevel=1 -XX:+UseSerialGC}"

_older() { [[ "$1" != "$2" && "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" == "$1" ]]; }

_install_packages() {
    local -A package=([curl]=curl [kcat]=kcat [javac]=openjdk-17-jdk-headless [mvn]=maven [go]=golang-go [node]=nodejs [npm]=npm)
    local tool missing=() sudo=()
    for tool in "${!package[@]}"; do
        command -v "$tool" >/dev/null || missing+=("${package[$tool]}")
    done
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || sudo=(sudo)
    retry "${sudo[@]}" apt-get "${APT_OPTIONS[@]}" update -qq &&
        retry "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get "${APT_OPTIONS[@]}" install -y -qq --no-install-recommends "${missing[@]}"
}

# Go 1.21 and newer download the toolchain that a go.mod requires. An older one can still download it as a module, but
# loses the execute permissions on the way.
_install_newer_go() {
    local version folder
    version="$(go env GOVERSION)"
    _older "${version#go}" 1.21 || return 0
    folder="$(retry go mod download -json "golang.org/toolchain@v0.0.1-go$GO_VERSION.$(go env GOOS)-$(go env GOARCH)" |
        sed -n 's/.*"Dir": "\(.*\)".*/\1/p')" || return 1
    chmod -R u+w "$folder" && chmod u+x "$folder"/bin/* "$folder"/pkg/tool/*/* || return 1
    export PATH="$folder/bin:$PATH" GOTOOLCHAIN=local
}

_check_node() {
    local version
    version="$(node --version)" || return 1
    _older "${version#v}" "$NODE_MAJOR" || return 0
    echo "Node.js $NODE_MAJOR or newer is required; found $version" >&2
    return 1
}

_install_packages && _install_newer_go && _check_node || {
    echo "cannot install the toolchains" >&2
    # When sourced by a script with `set -e`, this return ends it; when run directly, exit does.
    return 1 2>/dev/null || exit 1
}
