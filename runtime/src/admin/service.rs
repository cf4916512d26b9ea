//! The service `grpc.channelz.v1.Channelz`.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{
    generated::{
        Channelz, ChannelzServer, GetChannelRequest, GetChannelResponse, GetServerRequest,
        GetServerResponse, GetServerSocketsRequest, GetServerSocketsResponse, GetServersRequest,
        GetServersResponse, GetSocketRequest, GetSocketResponse, GetSubchannelRequest,
        GetSubchannelResponse, GetTopChannelsRequest, GetTopChannelsResponse,
    },
    protos::{channel, server, socket, socket_ref, subchannel},
};
use crate::{
    channelz::{CHANNELS, Page, SERVERS, SOCKETS, SUBCHANNELS},
    server::{GeneratedServer, registered::RegisteredService, service::sealed::IntoServed},
};

/// How many results there are at most, as in grpc-go.
const MAX_RESULTS: usize = 100;
/// The size limit for requests, in bytes: they are a few numbers.
const MAX_REQUEST: usize = 4096;

/// Serves channelz, as `grpc.channelz.v1.Channelz`: the channels, servers and sockets of this process, and what they
/// count. Needs the feature `admin`.
///
/// [`Server::admin`](crate::Server::admin) serves it on a listener of its own, beside a server. A program that only
/// calls others serves it by itself:
///
/// ```no_run
/// use rust_scaffold::{ChannelzService, Server};
///
/// # async fn serve() -> std::io::Result<()> {
/// Server::new().add_service(ChannelzService::new()).serve("127.0.0.1:9901").await
/// # }
/// ```
///
/// Whoever may call it learns the addresses and certificates of all peers. Serve it where only administrators can
/// reach it.
///
/// See [channelz](https://github.com/grpc/proposal/blob/master/A14-channelz.md).
#[derive(Clone, Copy, Debug, Default)]
pub struct ChannelzService(());

impl ChannelzService {
    /// The service, which shows all of the process.
    pub fn new() -> Self {
        Self(())
    }

    /// As a server has it.
    pub(super) fn registered(self) -> Arc<RegisteredService> {
        ChannelzServer::new(self).max_decoding_message_size(MAX_REQUEST).served
    }
}

impl GeneratedServer for ChannelzService {}

impl IntoServed for ChannelzService {
    #[allow(private_interfaces, reason = "nobody else can call or implement it")]
    fn into_served(self) -> Arc<RegisteredService> {
        self.registered()
    }
}

impl Channelz for ChannelzService {
    async fn get_top_channels(
        &self,
        request: Request<GetTopChannelsRequest>,
    ) -> Result<Response<GetTopChannelsResponse>, Status> {
        let GetTopChannelsRequest { start_channel_id, max_results } = request.into_inner();
        let Page { records, is_last } = CHANNELS.page(start_channel_id, limit(max_results)?);
        let channel = records.iter().map(|record| channel(record)).collect();
        Ok(Response::new(GetTopChannelsResponse { channel, end: is_last }))
    }

    async fn get_servers(
        &self,
        request: Request<GetServersRequest>,
    ) -> Result<Response<GetServersResponse>, Status> {
        let GetServersRequest { start_server_id, max_results } = request.into_inner();
        let Page { records, is_last } = SERVERS.page(start_server_id, limit(max_results)?);
        let server = records.iter().map(|record| server(record)).collect();
        Ok(Response::new(GetServersResponse { server, end: is_last }))
    }

    async fn get_server(
        &self,
        request: Request<GetServerRequest>,
    ) -> Result<Response<GetServerResponse>, Status> {
        let id = request.get_ref().server_id;
        let record = SERVERS.get(id).ok_or_else(|| not_found("server", id))?;
        Ok(Response::new(GetServerResponse { server: Some(server(&record)) }))
    }

    async fn get_server_sockets(
        &self,
        request: Request<GetServerSocketsRequest>,
    ) -> Result<Response<GetServerSocketsResponse>, Status> {
        let GetServerSocketsRequest { server_id, start_socket_id, max_results } =
            request.into_inner();
        let server = SERVERS.get(server_id).ok_or_else(|| not_found("server", server_id))?;
        let Page { records, is_last } =
            server.group.sockets.page(start_socket_id, limit(max_results)?);
        let socket_ref = records.iter().map(|record| socket_ref(record)).collect();
        Ok(Response::new(GetServerSocketsResponse { socket_ref, end: is_last }))
    }

    async fn get_channel(
        &self,
        request: Request<GetChannelRequest>,
    ) -> Result<Response<GetChannelResponse>, Status> {
        let id = request.get_ref().channel_id;
        let record = CHANNELS.get(id).ok_or_else(|| not_found("channel", id))?;
        Ok(Response::new(GetChannelResponse { channel: Some(channel(&record)) }))
    }

    async fn get_subchannel(
        &self,
        request: Request<GetSubchannelRequest>,
    ) -> Result<Response<GetSubchannelResponse>, Status> {
        let id = request.get_ref().subchannel_id;
        let record = SUBCHANNELS.get(id).ok_or_else(|| not_found("subchannel", id))?;
        Ok(Response::new(GetSubchannelResponse { subchannel: Some(subchannel(&record)) }))
    }

    async fn get_socket(
        &self,
        request: Request<GetSocketRequest>,
    ) -> Result<Response<GetSocketResponse>, Status> {
        let id = request.get_ref().socket_id;
        let record = SOCKETS.get(id).ok_or_else(|| not_found("socket", id))?;
        Ok(Response::new(GetSocketResponse { socket: Some(socket(&record)) }))
    }
}

/// How many results a page has whose request asks for at most `max_results`.
fn limit(max_results: i64) -> Result<usize, Status> {
    match usize::try_from(max_results) {
        Ok(0) => Ok(MAX_RESULTS),
        Ok(asked) => Ok(asked.min(MAX_RESULTS)),
        Err(_) => Err(Status::invalid_argument(format!(
            "`max_results` is {max_results}: it must not be negative"
        ))),
    }
}

fn not_found(kind: &str, id: i64) -> Status {
    Status::not_found(format!("there is no {kind} with the id {id}, or no more"))
}
