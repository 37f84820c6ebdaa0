"""What training and evaluation ask of a labelled set, wherever its images are.

A set in memory and a stored one have in common, beside ``name``, ``labels``, ``classes``, ``class_names``,
``groups``, ``group_of`` and ``len``:

* ``photographs``: numbers that are equal for images of one photograph, int64 of shape (N,), or None where
  nothing is known;
* ``alternatives``: label -> further classes that are right for its images too;
* ``select(indices)``: some of its images;
* ``training_batches(batch_size, prepare, seed=, beside=, **parts)``: all images in a new order each epoch,
  which Lightning sets on their ``sampler``; ``parts`` say how several processes share each batch
  (:class:`gridcell.data.batches.Batches`). With ``beside``, a tensor with a row for each image, a batch has
  ``(labels, rows)`` in place of labels;
* ``training_values(values, batch_size, seed=, **parts)``: batches of a tensor's rows, one for each image, and
  labels, in the order in which ``training_batches`` of the same arguments gives the images;
* ``evaluation_batches(batch_size, prepare, share)``: every image of a share exactly once, in the set's order;
* ``pixels(prepare)``: for reading a few images by number.

Batches are ``(images, labels)``: uint8 of shape (B, H, W, 3), and int64 of shape (B,) in the label space.
``prepare`` is applied to images that are decoded for this; those in memory are of one size already.
"""

from gridcell.data.images import LabelledImages
from gridcell.data.sharded import StoredImages

LabelledSet = LabelledImages | StoredImages
"""Labelled images, in memory or read from files as they are asked for."""
