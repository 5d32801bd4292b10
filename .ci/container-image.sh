#!/usr/bin/env bash
# Builds the image as a machine without network would: of BASE_IMAGE and a folder of wheels, which are made here.
# `.ci/container-image.sh TAG...`
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wheels="$(dirname "$CONTAINERS_CONF")/context/wheels"
python="$(podman run --rm "$BASE_IMAGE" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
mkdir -p "$wheels"
rm -f "$wheels"/kafkalite-*.whl
pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet)
"${pip[@]}" wheel --no-deps --wheel-dir "$wheels" .
"${pip[@]}" download --only-binary :all: --python-version "$python" --dest "$wheels" --find-links "$wheels" \
    "kafkalite[cli,controls] @ file://$(echo "$wheels"/kafkalite-*.whl)"
# The format is Docker's, because OCI's has no place for a health check. No daemon isolates this build from its machine.
podman build --format docker --isolation=chroot --build-arg BASE_IMAGE="$BASE_IMAGE" "${@/#/--tag=}" \
    --file docker/Dockerfile "$wheels/.."
