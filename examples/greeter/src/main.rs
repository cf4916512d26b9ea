//! Says hello over a socket: the smallest server and client.

#![allow(missing_docs, reason = "the proto leaves its messages without comments")]

use std::error::Error;

use rust_scaffold::{Request, Response, Server, Status};
use tokio::net::TcpListener;

rust_scaffold::include_proto!("greeter");

struct MyGreeter;

impl Greeter for MyGreeter {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let HelloRequest { name } = request.into_inner();
        Ok(Response::new(HelloReply { message: format!("Hello, {name}!") }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let server = Server::new().add_service(GreeterServer::new(MyGreeter));
    tokio::spawn(server.serve_listener(listener));

    let greeter = GreeterClient::connect(address).await?;
    let reply = greeter.say_hello(HelloRequest { name: "Ferris".to_owned() }).await?;
    println!("{}", reply.into_inner().message);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_one_who_is_named_is_greeted() -> Result<(), Status> {
        let greeter = GreeterClient::in_process(MyGreeter);
        let reply = greeter.say_hello(HelloRequest { name: "Ada".to_owned() }).await?;
        assert_eq!(reply.into_inner().message, "Hello, Ada!");
        Ok(())
    }
}
