"""Others that make calls at a time: by their public packages, each in an environment of its own."""
