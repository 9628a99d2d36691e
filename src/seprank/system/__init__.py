"""What every part needs of the machine: files, memory, progress."""
