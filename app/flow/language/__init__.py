"""The flow language: the words of every map in a flow file, and their meaning."""
