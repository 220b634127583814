#!/usr/bin/env bash
# Gradescope runs this once, when it builds the autograder.
set -euo pipefail
root="${AUTOGRADER_ROOT:-/autograder}"

find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
            2> /dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

if ! python="$(find_python)"; then
    apt-get update
    apt-get install -y python3.11 python3.11-venv || {
        echo "No Python 3.11 or newer here: choose Ubuntu 22.04 or a newer image." >&2
        exit 1
    }
    python=python3.11
fi
if ! "$python" -m venv "$root/venv"; then
    apt-get update
    apt-get install -y \
        "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    "$python" -m venv --clear "$root/venv"
fi
"$root/venv/bin/python" -m pip install --no-cache-dir \
    -r "$root/source/requirements.txt"
"$root/venv/bin/python" -m compileall -q "$root/source/course/sensei"
