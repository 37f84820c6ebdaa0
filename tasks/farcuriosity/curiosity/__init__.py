"""Intrinsic motivation in plain PyTorch: what rewards an agent for what it can't predict yet.

:mod:`~farcuriosity.curiosity.interface` says what a curiosity is, and the files of
:mod:`~farcuriosity.curiosity.modules` which there are. Nothing here knows of Ray.
"""
