"""No false alarm on applications: public repositories, built as their own templates say, verified and judged.

``repositories.toml`` names the repositories and commits. ``judged.toml`` has a judgement of each error and warning,
made by reading the application's code. A run verifies the applications that lie built in a folder, and shows what
nobody has judged yet. Neither the code of the applications nor what is built from it is in this repository.
"""
