"""A mirror that tells MLflow nothing, for tests that run grids by the command."""


class Silent:
    """Stands for the mirror."""

    problem, notes, uri = None, (), "none"

    def __init__(self, *_, **__):
        pass

    def __getattr__(self, name):
        return lambda *arguments: None
