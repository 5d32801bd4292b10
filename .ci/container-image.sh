#!/usr/bin/env bash
# Builds the image by the very line of docs/containers.md, which installs this checkout, and gives it further names.
# Before that, as a machine without network would: of a folder of wheels, which are made here; that one only tells its
# version. Podman stands in for docker, and BASE_IMAGE for the base that may be out of reach.
# `.ci/container-image.sh TAG...`
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source .ci/again.sh

# The format is Docker's, because OCI's has no place for a health check. No daemon isolates this build from its machine.
docker() { podman "$1" --format docker --isolation=chroot --build-arg BASE_IMAGE="$BASE_IMAGE" "${mounts[@]}" "${@:2}"; }
mounts=()

wheels="$(dirname "$CONTAINERS_CONF")/context/wheels"
python="$(podman run --rm "$BASE_IMAGE" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
mkdir -p "$wheels"
rm -f "$wheels"/kafkalite-*.whl
pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet)
again "${pip[@]}" wheel --no-deps --wheel-dir "$wheels" .
again "${pip[@]}" download --only-binary :all: --python-version "$python" --dest "$wheels" --find-links "$wheels" \
    "kafkalite[cli,controls] @ file://$(echo "$wheels"/kafkalite-*.whl)"
docker build --tag kafkalite-of-wheels --file docker/Dockerfile "$wheels/.."
podman run --rm --no-healthcheck kafkalite-of-wheels --version

# pip in the build asks the index as it does on this machine.
for file in /etc/pip.conf /etc/ssl/certs; do
    [[ ! -e "$file" ]] || mounts+=(--volume "$file:$file:ro")
done
line="$(sed -n 's/^\$ \(docker build .*\)/\1/p' docs/containers.md)"
echo "$line"
eval "again $line"
built="$(sed 's/.* --tag \([^ ]*\).*/\1/' <<<"$line")"
for tag in "$@"; do podman tag "$built" "$tag"; done
