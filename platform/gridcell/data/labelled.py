"""What training and evaluation ask of a labelled set, wherever its images are.

A set in memory and a stored one have in common, beside ``name``, ``labels``, ``classes``, ``class_names``,
``groups``, ``group_of`` and ``len``:

* ``alternatives``: label -> further classes that are right for its images too;
* ``select(indices)``: some of its images;
* ``training_batches(batch_size, prepare, seed=, rank=, world_size=)``: all images in a new order each epoch,
  shared by the ranks batch by batch; Lightning sets the epoch on its ``sampler``;
* ``evaluation_batches(batch_size, prepare, rank=, world_size=)``: every image exactly once, in the set's
  order, a run of them for each rank;
* ``pixels(prepare)``: for reading a few images by number.

Batches are ``(images, labels)``: uint8 of shape (B, H, W, 3), and int64 of shape (B,) in the label space.
``prepare`` is applied to images that are decoded for this; those in memory are of one size already.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gridcell.data.images import LabelledImages
from gridcell.data.stored import StoredImages

if TYPE_CHECKING:
    from PIL.Image import Image

LabelledSet = LabelledImages | StoredImages

Prepare = Callable[["Image"], NDArray[np.uint8]]
"""From a decoded image, RGB, to what the model is given, e.g. uint8 (H, W, 3)."""
