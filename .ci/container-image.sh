#!/usr/bin/env bash
# Build the image twice: from a folder of wheels, as on a machine without network, and from this checkout. The second one
# gets the tags: `.ci/container-image.sh TAG...`. Podman stands in for docker, and BASE_IMAGE for python:3.13-slim.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source .ci/retry.sh

# Docker's image format, because OCI's has no health check. Podman builds in a chroot: no daemon isolates the build.
build() { podman build --format docker --isolation=chroot --build-arg BASE_IMAGE="$BASE_IMAGE" --file docker/Dockerfile "$@"; }

wheels="$(dirname "$CONTAINERS_CONF")/context/wheels"
python="$(podman run --rm "$BASE_IMAGE" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
mkdir -p "$wheels"
rm -f "$wheels"/kafkalite-*.whl
pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet)
retry "${pip[@]}" wheel --no-deps --wheel-dir "$wheels" .
retry "${pip[@]}" download --only-binary :all: --python-version "$python" --dest "$wheels" --find-links "$wheels" \
    "kafkalite[cli,controls,security] @ file://$(echo "$wheels"/kafkalite-*.whl)"
build --tag kafkalite-from-wheels "$wheels/.."
podman run --rm --no-healthcheck kafkalite-from-wheels --version

# pip inside the build uses this machine's package index and certificates.
mounts=()
for file in /etc/pip.conf /etc/ssl/certs; do
    [[ ! -e "$file" ]] || mounts+=(--volume "$file:$file:ro")
done
retry build "${mounts[@]}" "${@/#/--tag=}" .
