"""Labelled images, and the distribution shifts derived from them.

``images`` holds sets in memory and in one file, ``folder`` reads and writes image folders, ``suite``
folders of several sets with a manifest, ``digits`` is the embedded data, ``corruptions`` and ``shifts`` turn images into harder ones, ``derive`` makes a whole benchmark
suite from one labelled set. Everything is numpy and is imported from its own module, so that planning a grid
loads none of it.
"""
