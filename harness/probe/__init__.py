"""What runs inside the Lambda runtime: standard library only, and nothing of the rest of the harness.

An engine ships these modules as text (see ``harness/engines/shipping.py``); nobody imports them on this side.
They run on whatever CPython the functions run on, 3.10 and later.
"""
