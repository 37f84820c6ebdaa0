"""The cells: each runs one agent, or one study, and says what came out."""
