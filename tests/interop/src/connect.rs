//! A server for clients of Connect: see `node/connect.js` and `python/json_mapping.py`.

use rust_scaffold::{CompressionEncoding, Request, Response, Server, Status, Streaming};

use crate::{
    contract::{
        edition, legacy,
        mirror::{Everything, Mirror, MirrorServer},
    },
    scenarios,
};

/// The scenarios, and a service that answers with what it was asked.
pub(crate) fn server() -> Server {
    let mirror = MirrorServer::new(Reflection)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    scenarios::server().add_service(mirror)
}

struct Reflection;

impl Mirror for Reflection {
    async fn reflect(&self, call: Request<Everything>) -> Result<Response<Everything>, Status> {
        Ok(call.into_inner().into())
    }

    async fn reflect_edition(
        &self,
        call: Request<edition::Item>,
    ) -> Result<Response<edition::Item>, Status> {
        Ok(call.into_inner().into())
    }

    async fn reflect_legacy(
        &self,
        call: Request<legacy::Item>,
    ) -> Result<Response<legacy::Item>, Status> {
        Ok(call.into_inner().into())
    }

    async fn reflect_all(
        &self,
        call: Request<Streaming<Everything>>,
    ) -> Result<Response<Streaming<Everything>>, Status> {
        Ok(call.into_inner().into())
    }
}
