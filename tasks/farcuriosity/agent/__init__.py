"""PPO with two value heads on RLlib's new API stack, and the one place where a curiosity joins it."""
