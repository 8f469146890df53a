"""How operators become kernel calls: functions entered by `lowers`, one file a family."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f".{_module.name}", __name__)
