"""`sleuth view`: every run under a folder in the browser, while it trains and after. It changes nothing.

Run directories are untrusted: whatever cannot be read is said beside what can.
"""
