"""The routes, by what they are about; each module's `router` binds them to a runtime."""
