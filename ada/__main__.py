"""`python -m ada VERB ...`, the same as `ada VERB ...`."""

from ada.cli.verbs import main

if __name__ == "__main__":
    main()
