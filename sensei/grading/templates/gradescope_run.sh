#!/usr/bin/env bash
# Gradescope runs this for each submission.
root="${AUTOGRADER_ROOT:-/autograder}"
results="$root/results/results.json"

cd "$root/source/course" &&
    PYTHONPATH="$root/source/course" "$root/venv/bin/python" -P \
        -c 'import sys; from sensei.cli import main; sys.exit(main(sys.argv[1:]))' \
        grade "$root/submission" --format gradescope --out "$root/results" \
        --jobs 1 MORE

if ! [ -s "$results" ]; then
    mkdir -p "$root/results"
    cp "$root/source/failed.json" "$results.part" && mv "$results.part" "$results"
fi
exit 0
