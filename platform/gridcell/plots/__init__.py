"""What every report draws with: heat maps, bars, curves and radars in one look, each returned as a Figure."""
