"""Everything about the Temporal Clue puzzles of 2025 (Brad Hilton, MIT licence): their pages, read and written, their
file, and their grader.
"""
