"""What files of a repository say about the Python that they are for."""
