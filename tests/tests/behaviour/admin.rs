//! What administrators see of channels, servers and sockets: channelz, and the pages beside it.

mod counts;
mod pages;

use std::{future::pending, net::SocketAddr, time::Duration};

use rust_scaffold::{Channel, ChannelzService, Code, Server, Status, WaitForReady, tonic};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::timeout};

use crate::{
    calculator::{CalculatorServer, MockCalculator},
    channelz_v1::{
        Address, Channel as ChannelInfo, ChannelData, ChannelzClient, GetChannelRequest,
        GetServerRequest, GetServerSocketsRequest, GetServersRequest, GetSocketRequest,
        GetSubchannelRequest, GetTopChannelsRequest, Server as ServerInfo, Socket, Subchannel,
        address::{self, TcpIpAddress, UdsAddress},
        channel_connectivity_state::State,
    },
    routes::listen,
    station::{Station, query},
    telemetry::{TelemetryClient, TelemetryServer},
};

/// Only against hanging.
const LONG: Duration = Duration::from_secs(60);

/// What the process shows, to a client in it.
fn channelz() -> ChannelzClient {
    let server = Server::new().add_service(ChannelzService::new());
    ChannelzClient::new(Channel::new(server.into_service().unwrap()))
}

/// Asks again until `found` finds something: other tasks count, too.
async fn until<T>(found: impl AsyncFn() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = found().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, looking).await.expect("it is never shown")
}

/// The channels of this process to `target`, among those of other tests.
async fn channels(target: &str) -> Vec<ChannelInfo> {
    let (client, mut start_channel_id, mut found) = (channelz(), 0, Vec::new());
    loop {
        let request = GetTopChannelsRequest { start_channel_id, max_results: 3 };
        let page = client.get_top_channels(request).await.unwrap().into_inner();
        start_channel_id = page.channel.last().map_or(0, id) + 1;
        found.extend(page.channel.into_iter().filter(|channel| data(channel).target == target));
        if page.end {
            return found;
        }
    }
}

fn id(channel: &ChannelInfo) -> i64 {
    channel.r#ref.as_ref().unwrap().channel_id
}

fn data(channel: &ChannelInfo) -> &ChannelData {
    channel.data.as_ref().unwrap()
}

/// The one channel to `target`.
pub(crate) async fn channel(target: &str) -> ChannelInfo {
    let mut found = channels(target).await;
    assert_eq!(found.len(), 1, "channels to {target}");
    found.remove(0)
}

async fn state(target: &str) -> State {
    data(&channel(target).await).state.unwrap().state()
}

pub(crate) async fn subchannel(channel: &ChannelInfo) -> Subchannel {
    let subchannel_id = channel.subchannel_ref[0].subchannel_id;
    let found = channelz().get_subchannel(GetSubchannelRequest { subchannel_id }).await;
    found.unwrap().into_inner().subchannel.unwrap()
}

pub(crate) async fn socket(socket_id: i64) -> Result<Socket, Status> {
    let found = channelz().get_socket(GetSocketRequest { socket_id, summary: false }).await?;
    Ok(found.into_inner().socket.unwrap())
}

/// The server that listens on `address`.
pub(crate) async fn server(address: SocketAddr) -> ServerInfo {
    let (client, mut start_server_id) = (channelz(), 0);
    loop {
        let request = GetServersRequest { start_server_id, max_results: 2 };
        let page = client.get_servers(request).await.unwrap().into_inner();
        start_server_id = page.server.last().map_or(0, server_id) + 1;
        for server in page.server {
            let listens = server.listen_socket.iter().any(|it| it.name == address.to_string());
            if listens {
                return server;
            }
        }
        assert!(!page.end, "no server listens on {address}");
    }
}

pub(crate) fn server_id(server: &ServerInfo) -> i64 {
    server.r#ref.as_ref().unwrap().server_id
}

/// The ids of the connections of a server, by pages of at most `max_results`.
pub(crate) async fn server_sockets(server_id: i64, max_results: i64) -> Vec<i64> {
    let (mut start_socket_id, mut found) = (0, Vec::new());
    loop {
        let request = GetServerSocketsRequest { server_id, start_socket_id, max_results };
        let page = channelz().get_server_sockets(request).await.unwrap().into_inner();
        assert!(page.end || !page.socket_ref.is_empty());
        assert!(page.socket_ref.len() <= max_results as usize);
        found.extend(page.socket_ref.iter().map(|socket| socket.socket_id));
        start_socket_id = found.last().map_or(0, |last| last + 1);
        if page.end {
            return found;
        }
    }
}

/// A station that serves until it is stopped.
struct Running {
    address: SocketAddr,
    station: Station,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Running {
    async fn start() -> Self {
        let (listener, _) = listen().await;
        Self::on(listener, Server::new())
    }

    fn on(listener: TcpListener, server: Server) -> Self {
        let address = listener.local_addr().unwrap();
        let (station, (stop, stopped)) = (Station::default(), oneshot::channel::<()>());
        let server = server.add_service(TelemetryServer::new(station.clone()));
        let served = tokio::spawn(async move {
            let signal = async {
                if stopped.await.is_err() {
                    pending::<()>().await;
                }
            };
            server.serve_listener_with_shutdown(listener, signal).await.unwrap();
        });
        Self { address, station, stop, served }
    }

    fn target(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(LONG, self.served).await.expect("it goes on").unwrap();
    }
}

/// How many calls were started, and have ended with OK or another status.
fn calls(data: &ChannelData) -> [i64; 3] {
    [data.calls_started, data.calls_succeeded, data.calls_failed]
}

#[tokio::test]
async fn a_channel_shows_whether_its_server_is_there() {
    let running = Running::start().await;
    let target = running.target();
    let backoff = Duration::from_millis(1);
    let builder = Channel::builder(&target).backoff(backoff, backoff);
    let client = TelemetryClient::new(builder.connect_lazy().unwrap());
    assert_eq!(state(&target).await, State::Idle);
    client.latest(query("a", 1)).await.unwrap();
    assert_eq!(state(&target).await, State::Ready);

    let address = running.address;
    running.stop().await;
    until(async || (state(&target).await == State::Idle).then_some(())).await;
    client.latest(query("a", 1)).await.unwrap_err();
    assert_eq!(state(&target).await, State::TransientFailure);

    let _running = Running::on(TcpListener::bind(address).await.unwrap(), Server::new());
    let mut request = tonic::Request::new(query("a", 1));
    request.extensions_mut().insert(WaitForReady(true));
    client.latest(request).await.unwrap();
    assert_eq!(state(&target).await, State::Ready);
    assert_eq!(calls(data(&channel(&target).await)), [3, 2, 1]);
}

#[tokio::test]
async fn a_channel_that_connects_says_so() {
    let (silent, address) = listen().await;
    let target = format!("http://{address}");
    let client = TelemetryClient::new(Channel::connect_lazy(&target).unwrap());
    let calling = tokio::spawn(async move { client.latest(query("a", 1)).await });
    until(async || (state(&target).await == State::Connecting).then_some(())).await;
    drop(silent);
    calling.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn what_is_gone_is_not_found_and_its_id_not_given_again() {
    let running = Running::start().await;
    let target = running.target();
    let client = TelemetryClient::new(Channel::connect(&target).await.unwrap());
    let shown = channel(&target).await;
    let inner = subchannel(&shown).await;
    let of_client = inner.socket_ref[0].socket_id;
    let of_server = server(running.address).await;
    let listening = of_server.listen_socket[0].socket_id;
    let connection = server_sockets(server_id(&of_server), 10).await[0];
    let client_again = client.clone();
    drop(client);
    assert_eq!(id(&channel(&target).await), id(&shown), "a clone is the same channel");
    assert!(socket(of_client).await.is_ok());
    assert!(socket(listening).await.is_ok());

    drop(client_again);
    assert!(channels(&target).await.is_empty());
    let gone = channelz().get_channel(GetChannelRequest { channel_id: id(&shown) }).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    let subchannel_id = shown.subchannel_ref[0].subchannel_id;
    let gone = channelz().get_subchannel(GetSubchannelRequest { subchannel_id }).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    for id in [of_client, connection] {
        until(async || socket(id).await.is_err().then_some(())).await;
        assert_eq!(socket(id).await.unwrap_err().code(), Code::NotFound);
    }

    let server_id = server_id(&of_server);
    let target = running.target();
    running.stop().await;
    until(async || socket(listening).await.is_err().then_some(())).await;
    let gone = channelz().get_server(GetServerRequest { server_id }).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    let request = GetServerSocketsRequest { server_id, ..GetServerSocketsRequest::default() };
    let gone = channelz().get_server_sockets(request).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    let another = Channel::connect_lazy(&target).unwrap();
    assert!(id(&channel(&target).await) > id(&shown));
    drop(another);
}

#[tokio::test]
async fn the_sockets_of_a_server_come_in_pages() {
    let running = Running::start().await;
    let mut connected = Vec::new();
    for _ in 0..5 {
        connected.push(Channel::connect(running.target()).await.unwrap());
    }
    let shown = server(running.address).await;
    let all = server_sockets(server_id(&shown), 100).await;
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted());
    for page in 1..=6 {
        assert_eq!(server_sockets(server_id(&shown), page).await, all, "pages of {page}");
    }
    let request = GetServerSocketsRequest {
        server_id: server_id(&shown),
        max_results: -1,
        ..GetServerSocketsRequest::default()
    };
    let refused = channelz().get_server_sockets(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let [one, another, ..] = &all[..] else { panic!("{all:?}") };
    assert_ne!(socket(*one).await.unwrap().remote, socket(*another).await.unwrap().remote);
}

#[tokio::test]
async fn a_page_has_at_most_a_hundred_results_whatever_is_asked_for() {
    let channels: Vec<_> =
        (0..101).map(|_| Channel::connect_lazy("http://pages").unwrap()).collect();
    for max_results in [0, 1000] {
        let request = GetTopChannelsRequest { start_channel_id: 0, max_results };
        let page = channelz().get_top_channels(request).await.unwrap().into_inner();
        assert_eq!((page.channel.len(), page.end), (100, false));
    }
    drop(channels);
}

#[tokio::test]
async fn addresses_are_those_of_both_ends() {
    let running = Running::start().await;
    let target = running.target();
    let _channel = Channel::connect(&target).await.unwrap();
    let id = subchannel(&channel(&target).await).await.socket_ref[0].socket_id;
    let port = running.address.port().into();
    let expected = TcpIpAddress { ip_address: vec![127, 0, 0, 1], port };
    let tcp = |address: Option<Address>| match address.unwrap().address.unwrap() {
        address::Address::TcpipAddress(address) => address,
        other => panic!("{other:?}"),
    };
    let shown = socket(id).await.unwrap();
    assert_eq!(tcp(shown.remote), expected);
    assert_ne!(tcp(shown.local).port, 0);
    let listening = server(running.address).await.listen_socket[0].socket_id;
    let listening = socket(listening).await.unwrap();
    assert_eq!((tcp(listening.local), listening.remote), (expected, None));
}

#[cfg(unix)]
#[tokio::test]
async fn sockets_with_a_path_show_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("station.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let station = TelemetryServer::new(Station::default());
    tokio::spawn(Server::new().add_service(station).serve_listener(listener));
    let target = format!("unix:{}", path.display());
    let client = TelemetryClient::new(Channel::connect(&target).await.unwrap());
    client.latest(query("a", 1)).await.unwrap();
    let id = subchannel(&channel(&target).await).await.socket_ref[0].socket_id;
    let uds = |filename: String| {
        Some(Address { address: Some(address::Address::UdsAddress(UdsAddress { filename })) })
    };
    let shown = socket(id).await.unwrap();
    assert_eq!(shown.remote, uds(path.display().to_string()));
    assert_eq!(shown.local, uds(String::new()));
    assert_eq!(shown.r#ref.unwrap().name, target);
}

#[tokio::test]
async fn the_port_of_a_server_does_not_show_it() {
    let (admin, admin_address) = listen().await;
    let (listener, _) = listen().await;
    let running = Running::on(listener, Server::new().admin_listener(admin));
    let request = GetServersRequest::default();
    let client = ChannelzClient::new(Channel::connect(running.target()).await.unwrap());
    assert_eq!(client.get_servers(request).await.unwrap_err().code(), Code::Unimplemented);
    let target = format!("http://{admin_address}");
    let client = ChannelzClient::new(Channel::connect(target).await.unwrap());
    assert!(!client.get_servers(request).await.unwrap().into_inner().server.is_empty());
    // Nor does it show itself.
    let mut start_server_id = 0;
    loop {
        let request = GetServersRequest { start_server_id, max_results: 0 };
        let page = client.get_servers(request).await.unwrap().into_inner();
        start_server_id = page.server.last().map_or(0, server_id) + 1;
        let names: Vec<_> = page.server.iter().flat_map(|server| &server.listen_socket).collect();
        assert!(names.iter().all(|socket| socket.name != admin_address.to_string()), "{names:?}");
        if page.end {
            break;
        }
    }
}

#[tokio::test]
async fn there_is_one_channelz_for_a_server() {
    let server = Server::new().add_service(ChannelzService::new());
    let twice = server.clone().add_service(ChannelzService::new());
    assert!(twice.into_service().is_err());
    let mock = CalculatorServer::new(MockCalculator::new());
    assert!(server.add_service(mock).into_service().is_ok());
}
