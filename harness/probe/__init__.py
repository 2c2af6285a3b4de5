"""What runs inside the Lambda runtime: standard library only, and nothing of the rest of the harness.

An engine sends these modules as text; the process engine, which observes from outside, imports some of them, too.
They run on whatever CPython the functions run on, 3.10 and later.
"""
