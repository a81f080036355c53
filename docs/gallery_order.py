"""Order of the examples in the gallery."""


class FiguresFirst:
    """Sort the quickstart first, then scripts with figures, then the rest."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, filename: str) -> tuple[int, str]:
        """Return the sort key of a script."""
        if filename == "quickstart.py":
            return 0, filename
        return (1 if filename.startswith("plot_") else 2), filename
