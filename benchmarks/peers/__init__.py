"""Other software, measured on the same texts as Clew.

`environment` creates .venv-peers, and `process` runs a peer in it; both are used by Clew's own interpreter. `protocol`
is used on both sides. Every other module is a program for the interpreter of .venv-peers and imports only `protocol`,
`serving` and `ann` of Clew.
"""
