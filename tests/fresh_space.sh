#!/usr/bin/env bash
# What a Space does, from the beginning: a fresh environment with what its files ask for, and the app in it as
# another user. It takes some minutes: tests/fresh_space.sh [PYTHON]. The browser is the tests' own.
set -euo pipefail
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
version=$(sed -n 's/^sdk_version: //p' README.md)
"${1:-python3}" -m venv "$place/environment"
echo "+ pip install gradio==$version -r requirements.txt"
"$place/environment/bin/pip" install --quiet "gradio==$version" -r requirements.txt
"$place/environment/bin/python" -c "import sys, gradio, torch
print('Python', sys.version.split()[0], 'Gradio', gradio.__version__, 'torch', torch.__version__)"
SPACE_PYTHON="$place/environment/bin/python" python -m pytest -n 0 -q -rA tests/test_space.py
