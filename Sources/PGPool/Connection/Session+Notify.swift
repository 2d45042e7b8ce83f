internal import CLibPQ

/// NOTIFY of other sessions, on its way to whoever listens.
extension Session {
    /// Hands on what libpq has kept.
    func deliverNotifications(_ connection: OpaquePointer) {
        while let notification = PQnotifies(connection) {
            defer { PQfreemem(notification) }
            events.sessionNotified(
                self,
                PostgresNotification(
                    channel: notification.pointee.relname.map { String(cString: $0) } ?? "",
                    payload: notification.pointee.extra.map { String(cString: $0) } ?? "",
                    senderPID: notification.pointee.be_pid
                )
            )
        }
    }
}
