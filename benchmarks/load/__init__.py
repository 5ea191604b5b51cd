"""Shared parts of the benchmarks of the whole server: servers, signed requests, load, and the machine's description."""
