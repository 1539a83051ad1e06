"""`python -m local_hub` is `local-hub`."""

import sys

from local_hub.cli import main

sys.exit(main())
