"""A window that shows pictures one after the other."""

from __future__ import annotations

import numpy as np

from gridcell import UserError

_SIDE = 480  # pixels, of the shorter side


class Window:
    """Opens with the first picture.

    Args:
        title: of the window.
        fps: pictures a second.

    Raises:
        UserError: there is no screen, or pygame is missing.
    """

    def __init__(self, title: str, fps: int) -> None:
        try:
            import pygame
        except ModuleNotFoundError as error:
            raise UserError("A window needs pygame: give --out video.mp4 instead") from error
        self._pygame, self._title, self._fps = pygame, title, fps
        try:
            pygame.display.init()
        except pygame.error as error:
            raise UserError(f"No window can be opened ({error}): give --out video.mp4 instead") from error
        self._clock = pygame.time.Clock()

    def show(self, picture: np.ndarray) -> None:
        """Show a picture, uint8 (rows, columns, 3), for as long as it is its turn.

        Raises:
            KeyboardInterrupt: the user closed the window.
        """
        pygame = self._pygame
        rows, columns = picture.shape[:2]
        factor = max(1, _SIDE // min(rows, columns))
        size = (columns * factor, rows * factor)
        screen = pygame.display.get_surface() or pygame.display.set_mode(size)
        pygame.display.set_caption(self._title)
        surface = pygame.surfarray.make_surface(picture.swapaxes(0, 1))
        screen.blit(pygame.transform.scale(surface, size), (0, 0))
        pygame.display.flip()
        if any(event.type == pygame.QUIT for event in pygame.event.get()):
            raise KeyboardInterrupt
        self._clock.tick(self._fps)
