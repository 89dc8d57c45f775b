"""A page as a PDF, printed by a browser of the Chromium kind that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sleuth.errors import UserError

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
"""Names and places of what can print, in the order in which they are tried."""
SECONDS = 300
"""Most time for a book."""


def find_browser() -> str:
    """What prints here. Raises `UserError` where there is nothing."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise UserError("no Chromium or Chrome is here to print a PDF; write --out book.html and print that in any browser")


def printed(html: str, browser: str) -> bytes:
    """The page as a PDF. Raises `UserError` where the browser prints none."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page, pdf = Path(folder) / "page.html", Path(folder) / "page.pdf"
        page.write_text(html, encoding="utf-8")
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-pdf-header-footer",
            f"--user-data-dir={Path(folder) / 'profile'}",
            f"--print-to-pdf={pdf}",
            # The sandbox does not run for root, as in most containers; the page is ours and holds no scripts.
            *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
            page.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UserError(f"{browser} did not print ({type(error).__name__}); write --out book.html") from None
        if done.returncode or not pdf.exists():
            raise UserError(f"{browser} did not print (exit code {done.returncode}); write --out book.html")
        return pdf.read_bytes()
