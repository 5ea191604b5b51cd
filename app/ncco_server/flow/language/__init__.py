"""The flow language: the words of a flow file, and what they mean."""
