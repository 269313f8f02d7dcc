"""Benchmarks: each prints a table and writes JSON. Speeds are ratios of two sides that run in turn."""
