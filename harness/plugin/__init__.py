"""The pytest plug-in.

pytest loads it in every run of everybody who has the package installed, so its modules import what only a verification
needs where they use it.
"""
