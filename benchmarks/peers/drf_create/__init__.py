"""The least that Django REST framework can do with the same fields: check, insert, answer."""
