//! A server that answers with what it was asked, in hundreds of random types: see `python/json_mapping.py`.

use std::{fs, io, path::Path};

use rust_scaffold::{Request, Response, Server, Status};

use crate::contract::types::{types_edition, types2, types3};

/// What the build has made of them.
#[path = "../types.rs"]
#[allow(dead_code, reason = "the build writes the services")]
mod protos;

pub(crate) fn server() -> Server {
    Server::new()
        .add_service(types2::TypesServer::new(Reflection))
        .add_service(types3::TypesServer::new(Reflection))
        .add_service(types_edition::TypesServer::new(Reflection))
}

pub(crate) fn write_protos(folder: &Path) -> io::Result<()> {
    protos::protos().into_iter().try_for_each(|(name, text)| fs::write(folder.join(name), text))
}

struct Reflection;

include!(concat!(env!("OUT_DIR"), "/types/implementations.rs"));
