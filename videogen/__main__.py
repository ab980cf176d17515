"""`python -m videogen` is the command line."""

import sys

from videogen.cli import main

sys.exit(main())
