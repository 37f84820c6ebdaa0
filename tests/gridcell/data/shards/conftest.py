"""An imported set with uneven shards, that several tests read."""

import pytest

from gridcell.data.shards.write import import_set
from published_sets import SETS


@pytest.fixture(scope="session")
def imported(tmp_path_factory):
    """ImageNet-C in miniature, 225 images in some nine shards: (where, published)."""
    root = tmp_path_factory.mktemp("imported")
    published = SETS["c"](root)
    import_set("c", [published.root], str(root / "shards"), shard_mb=0.025)
    return str(root / "shards"), published


@pytest.fixture(scope="session")
def uneven(tmp_path_factory):
    """ImageNet-V2 in miniature with every image of two shards' beginnings corrupt, so that shards differ."""
    root = tmp_path_factory.mktemp("uneven")
    published = SETS["v2"](root, count=6)
    for number, file in enumerate(sorted(published.root.rglob("*.jpeg"))):
        if number % 7 < 2:
            file.write_bytes(file.read_bytes()[:100])
            del published.truth[f"{published.root.name}/{file.relative_to(published.root)}"]
    import_set("v2", [published.root], str(root / "shards"), shard_mb=0.006, on_corrupt="skip")
    return str(root / "shards"), published
