// `SQLState` and `FailureClass` are decided on in PGPoolCore and are part of every error that a
// caller sees; all else there has package access.
@_exported public import PGPoolCore
