#!/usr/bin/env bash
# Build the image from this checkout: `.ci/container-image.sh TAG...`. Podman stands in for docker, and BASE_IMAGE for
# python:3.13-slim.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source .ci/retry.sh

# Docker's image format, because OCI's has no health check. Podman builds in a chroot: no daemon isolates the build.
build() { podman build --format docker --isolation=chroot --build-arg BASE_IMAGE="$BASE_IMAGE" --file docker/Dockerfile "$@"; }

# pip inside the build uses this machine's package index and certificates.
mounts=()
for file in /etc/pip.conf /etc/ssl/certs; do
    [[ ! -e "$file" ]] || mounts+=(--volume "$file:$file:ro")
done
retry build "${mounts[@]}" "${@/#/--tag=}" .
