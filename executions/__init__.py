"""WHAT HAPPENED: one occurrence of a scheduled call, its attempts, its outcome."""
