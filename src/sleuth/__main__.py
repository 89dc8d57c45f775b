"""`python -m sleuth`."""

from sleuth.cli import main

if __name__ == "__main__":
    main()
