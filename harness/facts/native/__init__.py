"""Native files: ELF as the loader reads it, extension modules, and what does not fit the runtime."""
