"""WHAT to call and WHEN: scheduled calls, their clock and their calling hours."""
