#!/bin/sh
# Installs what the quick start needs into .venv and runs it. Arguments go to
# examples/quickstart.py.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
environment --editable ".[tensorflow,examples,plots]"
exec "$python" examples/quickstart.py "$@"
