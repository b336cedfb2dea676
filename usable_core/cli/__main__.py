"""`python -m usable_core.cli`, where the `usable` command is not installed."""

import sys

from usable_core.cli import main

sys.exit(main())
