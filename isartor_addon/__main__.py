"""`python -m isartor_addon` is `isartor`."""

import sys

from isartor_addon.cli import main

sys.exit(main())
