"""The network space: networks trained from random starts until they fit, each one a hypothesis."""
