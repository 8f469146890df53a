"""`python -m kcompat` is the command `kcompat`."""

from .cli import main

raise SystemExit(main())
