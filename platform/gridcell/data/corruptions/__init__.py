"""The 15 corruptions of ImageNet-C at 5 severities, and whatever else a file in this folder adds.

Own code because no maintained library has them all: ``imagecorruptions`` was last released in 2020 and
fails on current scikit-image, ``imgaug`` is abandoned, and albumentations and kornia have only some, with
other parameters.

Source of names and parameters: D. Hendrycks and T. Dietterich, "Benchmarking Neural Network Robustness to
Common Corruptions and Perturbations", ICLR 2019: the released values of ImageNet-C for large images and of
CIFAR-10-C for small ones, whichever size is nearer, with lengths scaled from 224 or 32 px to the image's
side. The formulas are the same, but the results are not equal to the released images pixel by pixel; frost,
which used photographs, is procedural here. On photographs of 224 px the PSNR of each corruption and severity
is that of the reference implementation within sampling noise, of frost within 2 dB.

A new corruption is one new module here with a tuple ``CORRUPTIONS`` of :class:`Corruption`.
"""

from gridcell.data.corruptions.registry import Corruption, all_corruptions, corrupt, corruption, pair_names
from gridcell.data.corruptions.severity import SEVERITIES

__all__ = ["SEVERITIES", "Corruption", "all_corruptions", "corrupt", "corruption", "pair_names"]
