"""Quorum as a part of other people's programs. Each file imports the program that it is for, and the client."""
