"""How operators become kernel calls: functions entered by `lowers`, one file a family.

A file is imported when an operator of its family is planned; `python tests/indexes.py` notes which it has.
"""

from ..planner import LOWERINGS
from .index import INDEX

LOWERINGS.announce(__name__, INDEX)
