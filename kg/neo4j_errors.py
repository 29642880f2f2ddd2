"""Why a Neo4j server cannot answer, as messages for users that never hold a password."""

from __future__ import annotations

from neo4j.exceptions import ConnectionPoolError, ServiceUnavailable, SessionExpired, UnsupportedServerProduct

from clew.kg.spec import Neo4jSpec

_SECURITY = "Neo.ClientError.Security."
_SERVERS_FAULT = ("Neo.TransientError.", "Neo.DatabaseError.", _SECURITY, "Neo.ClientError.Cluster.")
_MESSAGES = {
    _SECURITY + "Unauthorized": "{uri} refuses the login: the user {user!r} is unknown or the password is wrong",
    _SECURITY + "AuthenticationRateLimit": "{uri} refuses the login: too many wrong passwords for {user!r}, try later",
    _SECURITY + "CredentialsExpired": "{uri} requires the password of {user!r} to be changed first",
    _SECURITY + "Forbidden": "{uri} does not allow {user!r} to do this in the database {database!r}",
    "Neo.ClientError.Database.DatabaseNotFound": "the database {database!r} does not exist at {uri}",
    "Neo.TransientError.General.DatabaseUnavailable": "the database {database!r} at {uri} is not available now",
}


def is_late(error: Exception) -> bool:
    """Return whether the server ended the transaction at its time limit."""
    return (getattr(error, "code", None) or "").startswith("Neo.ClientError.Transaction.TransactionTimedOut")


def reason_of(error: Exception, spec: Neo4jSpec) -> str | None:
    """Return why the server cannot answer; None if it did answer and the statement was wrong, which is our bug."""
    code = getattr(error, "code", None) or ""
    if code in _MESSAGES:
        return _MESSAGES[code].format(uri=spec.uri, user=spec.user, database=spec.database)
    if code.startswith(_SERVERS_FAULT):
        return f"{spec.uri} cannot answer now ({code})"
    if isinstance(error, ConnectionPoolError):
        return f"all {spec.connections} connections to {spec.uri} are busy"
    if isinstance(error, UnsupportedServerProduct):
        return f"{spec.uri} is not a supported version of Neo4j"
    if isinstance(error, ServiceUnavailable | SessionExpired | OSError):
        return f"cannot reach {spec.uri}"
    return None
