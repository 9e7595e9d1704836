"""``make bench``: every benchmark in turn, as a table each; ``--json`` prints one object by name."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

NAMES: Final = ("cases", "savers", "validation", "queue", "backtest", "engines")


def main() -> int:
    """Run those that are here; 0 when all ran."""
    here = [name for name in NAMES if (Path(__file__).parent / f"{name}.py").exists()]
    options, results, failed = sys.argv[1:], {}, 0
    for name in here:
        importlib.import_module(f"benchmarks.{name}")
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        if "--json" in options:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            failed += done.returncode != 0
            results[name] = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr[-500:]}
        else:
            print(f"\n== {name}", flush=True)
            failed += subprocess.run(command, check=False).returncode != 0
    if results:
        print(json.dumps(results, indent=2))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
