"""The model card of an exported model, in the form that hubs read."""

from collections.abc import Mapping, Sequence
from typing import Any

from gridcell import Cell

_ABOUT = {
    "train": "Fine-tuned by '{method}' on set '{downstream}'.",
    "head": "A pre-trained model with a new last layer ({head}).",
    "pretrained": "Published weights as they are.",
    "pretrain": "Pre-trained from scratch.",
}

_CLASS = 'model.pretrained_cfg["label_names"][label]'
_LABELS = "`config.json` has the classes as `label_names`, in the order of the model's outputs. "


def model_card(
    name: str,
    cell: Cell,
    class_names: Sequence[str],
    provenance: Mapping[str, Any],
    accuracies: Mapping[str, float],
    record: Mapping[str, Any],
) -> str:
    """Write a model card in Markdown with the fields that the hub reads first.

    Args:
        name: timm's name of the model, with the tag of its weights.
        cell: What made it.
        class_names: Of its last layer; position = label.
        provenance: What it was made from; see ``provenance.json``.
        accuracies: Top-1 in percent by set.
        record: timm's record of the model: license, hub, normalisation, crop. Without a hub nothing is said
            of where the weights come from.
    """
    license_ = record.get("license") or "other"
    base = f"base_model: {record['hf_hub_id']}\n" if record.get("hf_hub_id") else ""
    classes = ", ".join(class_names[:20]) + (f", ... ({len(class_names):,} in all)" * (len(class_names) > 20))
    about = _ABOUT.get(
        cell.kind, "A merge of fine-tuned weights." if cell.config.get("merge") else "Evaluated weights."
    )
    tested = "\n".join(f"| {key} | {value:.2f} |" for key, value in accuracies.items())
    table = f"\n## Accuracy\n\n| set | top-1, % |\n| --- | --- |\n{tested}\n" if accuracies else ""
    size = "x".join(map(str, tuple(record.get("input_size", ()))[1:]))
    return f"""---
tags:
- image-classification
- timm
- gridcell
pipeline_tag: image-classification
library_name: timm
license: {license_}
{base}---
# {cell.title or name}

{about.format_map({"method": "", "downstream": "", **cell.config})}

- **Architecture:** {name}
- **Classes:** {classes or "not named"}
- **Input:** {size} px, mean {_row(record.get("mean"))}, std {_row(record.get("std"))}, \
{record.get("interpolation", "bicubic")}, crop {record.get("crop_pct", 1.0)}
- **Made by:** gridcell cell `{cell.id}` (content `{provenance["content"][:16]}`, code \
`{(provenance.get("code") or "unknown")[:16]}`), seed {cell.seed}
{table}
## Use

```python
import timm
import torch
from PIL import Image, ImageOps

model = timm.create_model("local-dir:THIS_FOLDER", pretrained=True).eval()
prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
picture = ImageOps.exif_transpose(Image.open("PICTURE.jpg")).convert("RGB")
with torch.inference_mode():
    probabilities = model(prepare(picture)[None]).softmax(-1)[0]
label = int(probabilities.argmax())
print({_CLASS if class_names else "label"}, f"{{probabilities[label]:.1%}}")
```

{_LABELS if class_names else ""}`provenance.json` says what the weights were made from.
"""


def _row(values: Any) -> str:
    return ", ".join(f"{value:g}" for value in values) if values else "-"
