"""Benchmarks: each prints a table and writes JSON. Speeds are ratios of sides that run in turn."""
