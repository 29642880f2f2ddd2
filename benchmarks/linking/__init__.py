"""Quality and speed of the entity linker."""
