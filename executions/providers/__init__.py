"""The call services: one adapter each, all behind the contract in `base.py`."""
