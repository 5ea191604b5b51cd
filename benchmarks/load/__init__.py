"""What the benchmarks of the whole server share: servers, signed requests, load, and the machine they ran on."""
