"""PPO with two value heads on RLlib's new API stack, and the one place where a curiosity joins it."""

from farcuriosity.agent.local import keep_to_loopback

keep_to_loopback()  # before anything here imports Ray
