"""`python -m twilight` is the `twilight` command."""

from twilight.cli import main

if __name__ == "__main__":
    main()
