"""How long `import kcompat` takes, next to its parts and to NumPy alone.

Usage: python benchmarks/import_time.py [RUNS]

Every measurement is a fresh interpreter with warm disk caches; the median and the fastest are printed.
"""

import statistics
import subprocess
import sys

IMPORTS = {
    "nothing": "pass",
    "numpy": "import numpy",
    "kcompat": "import kcompat",
    "kcompat with numpy": "import numpy, kcompat",
    "kcompat.layers": "import kcompat.layers",
    "kcompat.models": "import kcompat.models",
}
TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def seconds(code: str) -> float:
    done = subprocess.run([sys.executable, "-c", TIMED.format(code)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main(runs: int = 15) -> None:
    for name, code in IMPORTS.items():
        times = [seconds(code) * 1e3 for _ in range(runs)]
        print(f"{name:20} median {statistics.median(times):7.1f} ms   fastest {min(times):7.1f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
