"""``python -m gradflow`` is the command line."""

import sys

from gradflow.cli import main

sys.exit(main())
