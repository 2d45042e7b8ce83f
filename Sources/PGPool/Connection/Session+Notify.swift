internal import CLibPQ

/// NOTIFY of other sessions, on its way to whoever listens.
extension Session {
    /// Takes what libpq has kept; it is handed on without the lock.
    func takeNotifications(_ connection: OpaquePointer, _ state: inout State) {
        while let notification = PQnotifies(connection) {
            defer { PQfreemem(notification) }
            state.notifications.append(
                PostgresNotification(
                    channel: notification.pointee.relname.map { String(cString: $0) } ?? "",
                    payload: notification.pointee.extra.map { String(cString: $0) } ?? "",
                    senderPID: notification.pointee.be_pid
                )
            )
        }
    }
}
