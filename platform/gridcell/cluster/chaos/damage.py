"""Damage to what lies in the store."""

from collections.abc import Callable

from gridcell.cluster.chaos.trial import NotSurvived, Trial


def flip_bit(data: bytes) -> bytes:
    """Flip a bit in the middle; of a float64 there it doubles or halves the value, which must show."""
    at = len(data) // 2 & ~7 | 6  # sign, exponent and mantissa end in the last two of eight bytes
    return data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :]


def with_damaged_checkpoints(damage: Callable[[bytes], bytes]) -> Callable[[Trial], None]:
    """Return a strike that kills the driver, damages each cell's newest checkpoint, and goes on."""

    def strike(trial: Trial) -> None:
        driver = trial.drive()
        trial.wait_for_training(driver)
        driver.kill()
        driver.wait()
        trial.wait_for_quiet()
        found = trial.checkpoints()
        if not found:
            raise NotSurvived("there was no checkpoint to damage")
        for path in found:
            path.write_bytes(damage(path.read_bytes()))
        trial.end(trial.drive())

    return strike
