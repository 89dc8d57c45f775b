"""The report of a run: one HTML file that needs no network, no script and no other file.

`from sleuth.report.page import write_report` needs the packages of the extra `train`.
"""
