"""What all results have in common: pages, tables, colours, numbers as text, and files."""
