"""What can be set in each command: one frozen class each, from which flags and keys of files of jobs are made.

Keyword arguments of the functions of the same name are equal to it, which a test compares. Importing it imports neither
torch nor NumPy.
"""
