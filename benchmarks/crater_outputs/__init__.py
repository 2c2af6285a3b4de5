"""Build outputs of public repositories, read by discovery: no crash, and what AWS's own translator makes of them."""
