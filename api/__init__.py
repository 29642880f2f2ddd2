"""The HTTP API, a thin layer over search. `clew.api.app.create_app` makes the app; importing a module opens nothing."""
