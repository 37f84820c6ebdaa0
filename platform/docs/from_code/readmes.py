"""The READMEs of tasks, data, clusters and images as pages of the site: they are written once."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from from_code.links import ROOT

READMES = {
    "tasks/imagenet_rib/README.md": "tasks/imagenet-rib.md",
    "tasks/inductive_bias/README.md": "tasks/inductive-bias.md",
    "tasks/generalization_difficulty/README.md": "tasks/generalization-difficulty.md",
    "tasks/farcuriosity/README.md": "tasks/farcuriosity.md",
    "tasks/farmap/README.md": "tasks/farmap.md",
    "platform/gridcell/data/README.md": "data.md",
    "clusters/README.md": "clusters/index.md",
    "clusters/single/README.md": "clusters/single.md",
    "clusters/by-hand/README.md": "clusters/by-hand.md",
    "clusters/slurm/README.md": "clusters/slurm.md",
    "clusters/kuberay/README.md": "clusters/kuberay.md",
    "clusters/aws/README.md": "clusters/aws.md",
    "clusters/gcp/README.md": "clusters/gcp.md",
    "docker/README.md": "clusters/docker.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "tests/benchmarks/README.md": "measured.md",
}
"""README -> its page below the generated ones."""

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)#\s]*)(#[^)\s]*)?\)")


def pages(generated: Path) -> dict[str, str]:
    """Return the text of each README's page by the page's path below the generated ones.

    Args:
        generated: the folder of the generated pages.
    """
    return {page: _page(Path(readme), generated / page, generated) for readme, page in READMES.items()}


def _page(readme: Path, page: Path, generated: Path) -> str:
    text = (ROOT / readme).read_text(encoding="utf-8")
    return LINK.sub(_rewriter((ROOT / readme).parent, page, generated), text)


def _rewriter(folder: Path, page: Path, generated: Path) -> Callable[[re.Match[str]], str]:
    """Return what gives each link of a README the target that it has on the site."""
    site = generated.parents[1]

    def rewritten(match: re.Match[str]) -> str:
        mark, words, path, anchor = match[1], match[2], match[3], match[4] or ""
        target = Path(os.path.normpath(folder / path))
        name = target.relative_to(ROOT).as_posix()
        name = f"{name}/README.md" if target.is_dir() else name
        if mark or target.is_relative_to(site):
            return f"{mark}[{words}]({os.path.relpath(target, page.parent)}{anchor})"
        if name in READMES:
            return f"[{words}]({os.path.relpath(generated / READMES[name], page.parent)}{anchor})"
        return f"`{name}`" if words.strip("`/") in name else f"{words} (`{name}`)"

    return rewritten
