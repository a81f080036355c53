"""What a new process runs: one function, whose result is the last line of the output."""

import importlib
import json
import sys


def main() -> None:
    """Call the function ``module:name`` with arguments in JSON."""
    module, _, name = sys.argv[1].partition(":")
    result = getattr(importlib.import_module(module), name)(**json.loads(sys.argv[2]))
    # `float` makes plain numbers of NumPy's.
    print("\n" + json.dumps(result, default=float))


if __name__ == "__main__":
    main()
