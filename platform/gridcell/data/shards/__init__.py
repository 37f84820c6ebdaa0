"""WebDataset shards: tar files of images with their classes, and a manifest that says what they hold.

Layout of a set, on any fsspec filesystem::

    manifest.json              written last, in one step: a set without it is an unfinished import
    index.npz                  label and group of every sample, without its image
    shard-00000.tar            samples: <number>.jpg or .png as published, .cls (label), .json (file, group)
    unfinished/plan.json       of an import under way: what it is made from
    unfinished/00000.json      of an import under way: a shard that is finished

``write`` makes them from a published set, ``verify`` checks them, ``samples`` reads single samples of them
(or of a published set that was not imported), ``datasets`` feeds PyTorch's loader, ``cache`` keeps remote
shards on this machine. Each is imported from its own module, so that planning a grid loads none of them.
"""
