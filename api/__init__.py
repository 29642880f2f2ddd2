"""HTTP over search: thin. Importing a module here opens nothing; `clew.api.app.create_app` puts the parts together."""
