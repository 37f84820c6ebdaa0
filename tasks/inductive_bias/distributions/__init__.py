"""Distributions of test errors: the scaled non-central chi-squared model, and exact weighted sums of them."""
