"""The doctor: checks of what a run needs, each a line with what to do about it.

A file a group of checks: ``machine``, ``storage``, ``tracking``, ``ray``. A check yields findings and raises
nothing; ``examine`` turns an error that it didn't foresee into a finding.
"""
