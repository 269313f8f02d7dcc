"""Benchmarks. Each prints tables and writes them as JSON. Speeds are compared between sides measured in turn."""
