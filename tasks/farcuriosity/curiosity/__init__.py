"""Intrinsic motivation in plain PyTorch: what rewards an agent for what it can't predict yet.

:mod:`~farcuriosity.curiosity.interface` says what a curiosity is, :mod:`~farcuriosity.curiosity.modules` which
there are, a file for each. Nothing here knows of Ray.
"""
