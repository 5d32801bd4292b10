#!/usr/bin/env bash
# Installs what the checks and the conformance suite need on a bare Debian machine: system packages, a virtual
# environment, and the clients' toolchains. May be run again at any time: what is there is left alone.
# Source it to have the tools on PATH; run it to have them installed only. Downloads go to the user's cache folder.

_toolchain() {
    set -euo pipefail
    local root cache go_version="1.26.0" node_major=18 missing=()
    root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
    cache="${XDG_CACHE_HOME:-$HOME/.cache}/kafkalite"
    mkdir -p "$cache"

    # --- system packages: kcat, a JDK and Maven for Kafka and its client, Go, Node.js
    command -v kcat >/dev/null || missing+=(kcat)
    command -v javac >/dev/null || missing+=(openjdk-17-jdk-headless)
    command -v mvn >/dev/null || missing+=(maven)
    command -v go >/dev/null || missing+=(golang-go)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    command -v git >/dev/null || missing+=(git)
    if ((${#missing[@]})); then
        local sudo=""
        ((EUID == 0)) || sudo="sudo"
        $sudo apt-get update -qq
        DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
    fi

    # --- Go: the distribution's may be older than the client libraries want; an older go fetches the newer one by itself
    export GOTOOLCHAIN="${GOTOOLCHAIN:-auto}"
    if ! _at_least "$(go env GOVERSION | sed 's/^go//')" "$go_version" && ! _at_least "$(go env GOVERSION | sed 's/^go//')" "1.21"; then
        # Before 1.21 go does not know toolchains. The toolchain module of the Go proxy holds the whole distribution.
        _install_go "$cache/go-$go_version" "$go_version"
        export PATH="$cache/go-$go_version/bin:$PATH"
    fi
    _at_least "$(node --version | sed 's/^v//')" "$node_major" || {
        echo "Node.js $node_major or newer is needed, this is $(node --version)" >&2
        return 1
    }

    # --- the Python environment
    [[ -x "$root/.venv/bin/python" ]] || python3 -m venv "$root/.venv"
    "$root/.venv/bin/python" -m pip --disable-pip-version-check install --quiet --upgrade "pip>=25.1"
    "$root/.venv/bin/python" -m pip --disable-pip-version-check install --quiet --editable "$root[conformance,demo]" --group "$root/pyproject.toml:dev"

    # --- Kafka's jars, its class-data archive, and every client's driver: built now, so that tests only test
    "$root/.venv/bin/python" -m kafkalite_conformance --prepare
}

_at_least() { [[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" == "$2" ]]; }

# Fetches a Go distribution through the module proxy that `go` itself is set to use.
_install_go() {
    local target="$1" version="$2" work proxy module
    [[ -x "$target/bin/go" ]] && return
    proxy="$(go env GOPROXY | cut -d, -f1)"
    module="golang.org/toolchain/@v/v0.0.1-go$version.linux-$(go env GOARCH).zip"
    work="$(mktemp -d)"
    python3 - "$proxy/$module" "$work" <<'PYTHON'
import io, pathlib, sys, urllib.request, zipfile
address, target = sys.argv[1:]
with urllib.request.urlopen(address) as answer:
    archive = zipfile.ZipFile(io.BytesIO(answer.read()))
for entry in archive.infolist():
    name = entry.filename.split("/", 2)[-1]
    if entry.is_dir() or not name:
        continue
    path = pathlib.Path(target, name.split("/", 1)[1] if name.startswith("toolchain@") else name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive.read(entry))
    if path.parent.name in {"bin", "tool"} or "tool" in path.parts:
        path.chmod(0o755)
PYTHON
    mkdir -p "$(dirname "$target")"
    mv "$work" "$target"
}

# In a subshell a failure would end only that; sourced, it must not end the caller's shell options for good.
if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
    _toolchain
else
    _toolchain || exit 1
fi
