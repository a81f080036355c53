"""How well a fitted classifier does, class by class; for every scikit-learn classifier."""

__all__: list[str] = []
