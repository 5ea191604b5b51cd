"""The flow language: the words of all maps in a flow file, and what they mean."""
