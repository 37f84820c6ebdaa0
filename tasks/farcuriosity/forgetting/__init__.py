"""Does curiosity forget? An agent goes a fixed path through rooms, again and again: where do rewards rise?

The first part of Hwang et al. 2023 (arXiv 2310.17537).
"""
