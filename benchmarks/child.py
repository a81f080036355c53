"""Entry point of new processes: calls a function and prints its result as the last line."""

import importlib
import json
import sys


def main() -> None:
    """Call the function ``module:name`` with arguments given as JSON."""
    module, _, name = sys.argv[1].partition(":")
    result = getattr(importlib.import_module(module), name)(**json.loads(sys.argv[2]))
    # `float` converts NumPy scalars.
    print("\n" + json.dumps(result, default=float))


if __name__ == "__main__":
    main()
