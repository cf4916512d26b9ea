//! One service under the load of the benchmark of gRPC and REST. `DOOR` in the environment says how it is called: `grpc`,
//! `connect` (JSON), `rest`, or `axum`, which is served by axum instead; with `-h2`, the last three are over HTTP/2.

mod json;

use std::net::{SocketAddr, TcpListener};

use axum::{Json, Router, routing::post};
use bench_load::Peer;
use bytes::Bytes;
use rust_scaffold::{Channel, Request, Response, Server, Status};

use json::JsonClient;

#[allow(missing_docs, unreachable_pub, clippy::doc_markdown)]
mod generated {
    rust_scaffold::include_proto!("shop");
}

use generated::{AddRequest, AddResponse, Customer, Item, Order, Shop, ShopClient, ShopServer};

struct Service;

impl Shop for Service {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let AddRequest { a, b } = request.into_inner();
        Ok(AddResponse { result: a.wrapping_add(b) }.into())
    }

    async fn place(&self, request: Request<Order>) -> Result<Response<Order>, Status> {
        Ok(request.into_inner().into())
    }
}

#[derive(Clone)]
enum Doors {
    Grpc(ShopClient),
    Json(Box<JsonClient>),
}

fn door() -> String {
    std::env::var("DOOR").expect("DOOR")
}

impl Peer for Doors {
    async fn serve(listener: TcpListener) {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        if door().starts_with("axum") {
            let routes = Router::new()
                .route(
                    "/v1/add",
                    post(async |Json(json::Add { a, b })| Json(json::Sum { result: a + b })),
                )
                .route("/v1/orders", post(async |Json(order): Json<json::Order>| Json(order)));
            axum::serve(listener, routes).await.expect("connections");
        } else {
            let server = Server::new().add_service(ShopServer::new(Service));
            server.serve_listener(listener).await.expect("connections");
        }
    }

    async fn connect(address: SocketAddr) -> Self {
        let door = door();
        if door == "grpc" {
            let channel = Channel::connect(format!("http://{address}")).await;
            return Self::Grpc(ShopClient::new(channel.expect("a connection")));
        }
        let (name, is_http2) = match door.strip_suffix("-h2") {
            Some(name) => (name, true),
            None => (&*door, false),
        };
        let paths = match name {
            "connect" => ["/shop.Shop/Add", "/shop.Shop/Place"],
            _ => ["/v1/add", "/v1/orders"],
        };
        Self::Json(Box::new(JsonClient::new(address, paths, is_http2)))
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        match self {
            Self::Grpc(client) => {
                client.add(AddRequest { a, b }).await.expect("a sum").into_inner().result
            }
            Self::Json(client) => client.add(a, b).await,
        }
    }

    /// Places an order, whatever the data.
    async fn echo(&self, data: Bytes) -> usize {
        match self {
            Self::Grpc(client) => {
                let placed = client.place(order()).await.expect("an order").into_inner();
                assert_eq!(placed.items.len(), ITEMS);
            }
            Self::Json(client) => assert_eq!(client.place().await, ITEMS),
        }
        data.len()
    }
}

const ITEMS: usize = 10;

/// About 2 KB of JSON.
fn order() -> Order {
    let json::Order { id, customer, items, is_gift, note } = json::order();
    let json::Customer { name, email, street, city, country } = customer;
    let item = |json::Item { sku, title, quantity, price, tags }| Item {
        sku,
        title,
        quantity,
        price,
        tags,
    };
    Order {
        id,
        customer: Some(Customer { name, email, street, city, country }),
        items: items.into_iter().map(item).collect(),
        is_gift,
        note,
    }
}

fn main() {
    rust_scaffold::raise_mmap_threshold();
    bench_load::run::<Doors>();
}
