"""`python -m keras_lipschitz.certification MODEL.keras CERTIFICATE.json`."""

import sys

from keras_lipschitz.certification.command_line import main

if __name__ == "__main__":
    sys.exit(main())
