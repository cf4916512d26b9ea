//! Tokens over TLS: a server that verifies JWTs, and a client that renews its own before it expires.

#![allow(missing_docs, reason = "the proto leaves its messages without comments")]

mod tokens;

use std::{error::Error, sync::Arc, time::Duration};

use rust_scaffold::{
    BearerAuth, BearerCredentials, BearerToken, Channel, ClientTls, Code, Request, Response,
    Server, ServerTls, Status, ToStatus as _,
};
use tokio::net::TcpListener;

use self::tokens::{Claims, Issuer, Verifier};

rust_scaffold::include_proto!("greeter");

const SECRET: &[u8] = b"what the identity provider and the server share";

/// Greets in the name of whom the token names.
struct MyGreeter;

impl Greeter for MyGreeter {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let Claims { sub, .. } = request.extensions().get().status(Code::Unauthenticated)?;
        let message = format!("Hello, {sub}, the caller of {}!", request.get_ref().name);
        Ok(Response::new(HelloReply { message }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let ca = certificate.cert.pem();
    let tls = ServerTls::from_pem(&ca, certificate.signing_key.serialize_pem());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("https://localhost:{}", listener.local_addr()?.port());
    tokio::spawn(server().tls(tls).serve_listener(listener));

    let tls = ClientTls::new().ca_pem(ca);
    let channel = Channel::builder(address).tls(tls).connect().await?;
    let issuer = Arc::new(Issuer::new(SECRET));
    let lifetime = Duration::from_secs(2);
    let credentials = BearerCredentials::new(move || {
        let issuer = Arc::clone(&issuer);
        // Here, ask the identity provider.
        async move { issuer.issue("ferris", lifetime) }
    });
    let greeter = GreeterClient::new(channel.clone().call_credentials(credentials));
    println!("{}", hello(&greeter).await?);
    tokio::time::sleep(2 * lifetime).await;
    println!("renewed: {}", hello(&greeter).await?);

    let anonymous = GreeterClient::new(channel.clone());
    println!("without a token: {:?}", code(hello(&anonymous).await));
    let forged = Issuer::new(b"a guess").issue("root", lifetime)?;
    let forger = GreeterClient::new(channel.call_credentials(BearerCredentials::fixed(forged)));
    println!("with a forged one: {:?}", code(hello(&forger).await));
    Ok(())
}

/// A server that demands a token with each call.
fn server() -> Server {
    let verifier = Arc::new(Verifier::new(SECRET));
    let auth = BearerAuth::new(move |token: BearerToken| {
        let verifier = Arc::clone(&verifier);
        async move { verifier.verify(&token) }
    });
    Server::new().intercept(auth).add_service(GreeterServer::new(MyGreeter))
}

async fn hello(greeter: &GreeterClient) -> Result<String, Status> {
    let reply = greeter.say_hello(HelloRequest { name: "Ada".to_owned() }).await?;
    Ok(reply.into_inner().message)
}

fn code(outcome: Result<String, Status>) -> Code {
    outcome.err().map_or(Code::Ok, |status| status.code())
}
