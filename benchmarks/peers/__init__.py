"""Other software, measured beside Clew on the same texts.

`environment` creates .venv-peers and `process` runs a peer in it, with the rest of Clew. `protocol` is shared. Every
other module is a program for the interpreter of .venv-peers and imports nothing else of Clew than `protocol`,
`serving` and `ann`.
"""
