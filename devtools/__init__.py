"""What a developer's machine needs and production does not: embedded servers, one-command runs."""
