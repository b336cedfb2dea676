"""Answers as one file that opens anywhere, without a server and without the network."""
