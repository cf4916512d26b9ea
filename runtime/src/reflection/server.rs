//! How a [`Server`] gets its reflection services.

use std::sync::Arc;

use super::{
    service::{Reflected, ReflectionService},
    v1::generated::ServerReflectionServer,
    v1alpha::generated::server_reflection_server::ServerReflectionServer as ServerReflectionAlphaServer,
};
use crate::server::{Server, builtins::BuiltinServices};

/// The size limit for requests, in bytes: they name a file or a symbol.
const MAX_REQUEST: usize = 4096;

impl Server {
    /// Serves the descriptors of all services of this server, whether they are added before or after this, to
    /// clients that do not have the protos: grpcurl, `buf curl`, Postman and the like. Needs the feature
    /// `reflection`.
    ///
    /// ```
    /// use rust_scaffold::Server;
    /// # use rust_scaffold::{ServiceServer, codegen::Dispatch};
    ///
    /// # async fn serve<D: Dispatch<S>, S: Send + Sync + 'static>(
    /// #     calculator: ServiceServer<D, S>,
    /// # ) -> std::io::Result<()> {
    /// Server::new().reflection().add_service(calculator).serve("[::]:50051").await
    /// # }
    /// ```
    ///
    /// ```console
    /// $ buf curl --protocol grpc --http2-prior-knowledge --data '{"a": 5, "b": 3}' \
    ///     http://localhost:50051/calculator.Calculator/Add
    /// {
    ///   "result": 8
    /// }
    /// ```
    ///
    /// The descriptors are in the generated code, with custom options and without comments. A program without the
    /// feature does not have them, and nothing has to be set to get them. A tower service
    /// ([`add_tower_service`](Self::add_tower_service)) is listed by its name; its messages are not known.
    ///
    /// Both versions of the protocol are served, `grpc.reflection.v1` and `v1alpha`, which older clients know. Who
    /// may call these services learns all about the others: leave them out, or have an
    /// [interceptor](Self::intercept) ask for credentials, where that is a secret.
    ///
    /// See [server reflection](https://github.com/grpc/grpc/blob/master/doc/server-reflection.md).
    #[must_use]
    pub fn reflection(self) -> Self {
        self.add_builtins(Arc::new(|| {
            let reflected = Arc::new(Reflected::default());
            let service = Arc::new(ReflectionService { reflected: Arc::clone(&reflected) });
            let v1 = ServerReflectionServer::from_arc(Arc::clone(&service))
                .max_decoding_message_size(MAX_REQUEST);
            let v1alpha = ServerReflectionAlphaServer::from_arc(service)
                .max_decoding_message_size(MAX_REQUEST);
            BuiltinServices {
                services: vec![v1.served, v1alpha.served],
                pages: None,
                observer: reflected,
            }
        }))
    }
}
