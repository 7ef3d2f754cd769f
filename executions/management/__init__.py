"""Commands of the executions."""
