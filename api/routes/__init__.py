"""The routes by subject. The `router` function of each module returns its routes for a runtime."""
