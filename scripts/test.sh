#!/bin/sh
# Installs what the tests need into .venv and runs them: all on TensorFlow, then
# those that are marked for it on JAX and on PyTorch. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
. scripts/environment.sh
# An open version of torch brings gigabytes of CUDA libraries with it.
environment --editable ".[tensorflow,jax,torch,examples,plots,export,dev]" \
  "torch==2.13.0"

status=0
# run BACKEND ARGUMENT...: one run of pytest; none of its failures ends another.
run() {
  backend=$1
  shift
  echo "--- tests on $backend"
  code=0
  # Neighbours share what they compile and train: a worker gets a long row.
  KERAS_BACKEND=$backend "$python" -m pytest -n 2 --dist worksteal "$@" || code=$?
  # A selection by arguments may hold no test that is marked for a backend.
  if [ "$code" -eq 5 ] && [ "$backend" != tensorflow ] && [ -n "$chosen" ]; then
    code=0
  fi
  [ "$code" -eq 0 ] || status=$code
}

chosen=$*
run tensorflow "$@"
run jax -m multi_backend "$@"
run torch -m multi_backend "$@"
exit "$status"
