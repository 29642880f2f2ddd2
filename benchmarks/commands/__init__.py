"""`clew bench` and its subcommands."""
