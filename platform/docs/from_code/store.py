"""The page of the store's format, from the docstrings of what writes it."""

import inspect

from gridcell import store


def page() -> str:
    """Return the page."""
    return f"""# The store

A store is a folder on any file system or object store. This is format {store.FORMAT}; another one is refused.

```{{eval-rst}}
{inspect.getdoc(store)}

.. autoclass:: gridcell.store.results.Result
   :members:
   :no-index:

.. autoclass:: gridcell.store.results.Artifact
   :members:
   :no-index:
```
"""
