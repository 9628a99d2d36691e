"""What can be set in each command: one frozen class each, from which flags and keys of files of jobs are made.

Keyword arguments of the functions of the same name are equal to it, which a test compares. They are checked when they
are made, as far as they can be without a module, and refused as `question` does: `NotWholeError` for anything else in
place of a whole number, `ValueError` for what is out of range. Importing them imports neither torch nor NumPy.
"""
