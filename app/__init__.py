"""A webhook server that answers Vonage voice calls from flow files."""
