"""`python3 dev.py bench`: how fast a call is made, measured beside others in the same run."""
