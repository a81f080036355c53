"""The order of the examples in the gallery."""


class FiguresFirst:
    """Sorts the scripts of a folder: the quickstart, those with figures, the rest."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, filename: str) -> tuple[int, str]:
        """Return what a script is sorted by."""
        if filename == "quickstart.py":
            return 0, filename
        return (1 if filename.startswith("plot_") else 2), filename
