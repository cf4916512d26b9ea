//! Who calls: by certificate, and by token.

use rust_scaffold::{
    BearerAuth, BearerCredentials, BearerToken, CertificateAuth, Channel, ClientTls, Code,
    ConnectInfo, Request, Response, Server, Status, TlsInfo,
};

use super::Authority;
use crate::{
    calculator::{
        AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorServer, SubtractRequest,
        SubtractResponse,
    },
    routes::listen,
};

/// Who calls.
#[derive(Clone, Debug)]
struct Caller(String);

/// Says who has called, in the metadata of its response.
struct Mirror;

impl Calculator for Mirror {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let mut response = Response::new(AddResponse::default());
        let caller = request.extensions().get::<Caller>().unwrap();
        response.metadata_mut().insert("caller", caller.0.parse().unwrap());
        Ok(response)
    }

    async fn subtract(
        &self,
        _: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        Err(Status::unimplemented("not this one"))
    }
}

/// Serves on `localhost`, and returns the address.
async fn serve(server: Server) -> String {
    let (listener, address) = listen().await;
    let server = server.add_service(CalculatorServer::new(Mirror));
    tokio::spawn(async move { server.serve_listener(listener).await.unwrap() });
    format!("https://localhost:{}", address.port())
}

async fn caller(channel: Channel) -> Result<String, Status> {
    let response = CalculatorClient::new(channel).add(AddRequest::default()).await?;
    Ok(response.metadata().get("caller").unwrap().to_str().unwrap().to_owned())
}

async fn identify(tls: TlsInfo) -> Result<Caller, Status> {
    let service = tls.spiffe_id().and_then(|id| id.strip_prefix("spiffe://example.org/"));
    let service = service.ok_or_else(|| Status::permission_denied("only services of ours"))?;
    Ok(Caller(service.to_owned()))
}

#[tokio::test]
async fn a_certificate_says_who_calls() {
    let (ca, clients) = (Authority::new(), Authority::new());
    let tls = ca.issue(&["localhost"]).server();
    let tls = tls.client_ca_pem(clients.pem()).client_auth_optional(true);
    let server = Server::new().tls(tls).intercept(CertificateAuth::new(identify));
    let address = serve(server.clone().connect_info(true)).await;
    let anonymous = ClientTls::new().ca_pem(ca.pem());
    let call = async |tls: &ClientTls| {
        caller(Channel::builder(&address).tls(tls.clone()).connect().await.unwrap()).await
    };
    let with = |name| {
        let pair = clients.issue(&[name]);
        anonymous.clone().client_certificate_pem(&pair.certificate, &pair.key)
    };
    assert_eq!(call(&with("spiffe://example.org/billing")).await.unwrap(), "billing");
    let status = call(&with("spiffe://example.com/billing")).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let status = call(&anonymous).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "the client has no certificate")
    );

    // A server that does not know its connections says so.
    let address = serve(server).await;
    let tls = with("spiffe://example.org/billing");
    let status = caller(Channel::builder(&address).tls(tls).connect().await.unwrap()).await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert!(status.message().contains("`Server::connect_info` is off"), "{status:?}");
}

#[tokio::test]
async fn a_token_is_sent_over_tls() {
    let ca = Authority::new();
    let verify = |token: BearerToken| async move {
        match token.as_str() {
            "hunter2" => Ok(Caller("ferris".to_owned())),
            _ => Err(Status::unauthenticated("the token is not valid")),
        }
    };
    let tls = ca.issue(&["localhost"]).server();
    let address = serve(Server::new().tls(tls).intercept(BearerAuth::new(verify))).await;
    let tls = ClientTls::new().ca_pem(ca.pem());
    let channel = Channel::builder(&address).tls(tls).connect().await.unwrap();
    let with = |token| {
        let credentials = BearerCredentials::fixed(BearerToken::new(token));
        channel.clone().call_credentials(credentials)
    };
    assert_eq!(caller(with("hunter2")).await.unwrap(), "ferris");
    assert_eq!(caller(with("hunter3")).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(caller(channel.clone()).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_test_of_a_handler_can_say_what_the_certificate_is() {
    let der = Authority::new().issue(&["spiffe://example.org/billing"]).der;
    let tls = TlsInfo::default().with_peer_certificates(vec![der]);
    let server = CalculatorServer::new(Mirror).intercept(CertificateAuth::new(identify));
    let client = CalculatorClient::new(Channel::in_process(server));
    let mut request = Request::new(AddRequest::default());
    request.extensions_mut().insert(ConnectInfo::default().with_tls(tls));
    let response = client.add(request).await.unwrap();
    assert_eq!(response.metadata().get("caller").unwrap(), "billing");
}
