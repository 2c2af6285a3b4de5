"""Python sources: what each says, where modules are found, and what handlers reach."""
