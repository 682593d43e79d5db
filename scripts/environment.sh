# Sourced by the other scripts: $python runs in an environment that holds this
# package and the named extras, made where it is missing.
#
#   VENV    where the environment lies (default: .venv)
#   PYTHON  what makes it (default: python3), version 3.11 or later

VENV=${VENV:-.venv}
python=$VENV/bin/python

# environment REQUIREMENT...: installs with pip.
environment() {
  if [ ! -x "$python" ]; then
    "${PYTHON:-python3}" - <<'END' || return 1
import sys
if sys.version_info < (3, 11):
    sys.exit("Expected Python 3.11 or later. Received: " + sys.version
             + "\nSet PYTHON to another one.")
END
    echo "Making the environment $VENV" >&2
    "${PYTHON:-python3}" -m venv "$VENV" || return 1
  fi
  echo "Installing $*" >&2
  "$python" -m pip install --quiet "$@"
}
