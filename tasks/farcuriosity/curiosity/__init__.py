"""Intrinsic motivation in plain PyTorch: what rewards an agent for what it can't predict yet.

:mod:`~farcuriosity.curiosity.interface` says what a curiosity is, :mod:`~farcuriosity.curiosity.modules` lists
those there are. Nothing here knows of Ray.
"""
