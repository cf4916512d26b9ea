//! Calls to a server in the same process.

mod direct;
mod in_process;

use self::in_process::InProcess;
use crate::{
    client::Channel,
    server::{Dispatch, ServiceServer},
};

impl Channel {
    /// Calls the generated `server` in this process, without sockets, tasks or HTTP. The codec, metadata,
    /// deadlines, cancellation, limits and compression work as over a connection.
    pub fn in_process<D, S>(server: ServiceServer<D, S>) -> Self
    where
        D: Dispatch<S>,
        S: Send + Sync + ?Sized + 'static,
    {
        let name = server.served.descriptor.name;
        Self::from_transport(InProcess(server.served), name)
    }

    /// Calls the generated `server` in this process and passes messages without a codec: limits and
    /// compression do not apply. Metadata, deadlines, cancellation and statuses work as over a
    /// connection.
    ///
    /// No tower layer sees the call, so a request's extensions have no
    /// [`MethodDescriptor`](crate::MethodDescriptor).
    pub fn in_process_direct<D, S>(server: ServiceServer<D, S>) -> Self
    where
        D: Dispatch<S>,
        S: Send + Sync + ?Sized + 'static,
    {
        let name = server.served.descriptor.name;
        Self::from_direct(server.served, name)
    }
}
