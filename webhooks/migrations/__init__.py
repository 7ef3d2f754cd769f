"""The tables of the webhooks app, step by step."""
