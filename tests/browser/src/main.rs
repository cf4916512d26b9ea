//! Serves what `calls.test.js` and `page.test.js` look at, on a free port of 127.0.0.1, which it prints.

mod accounts;
mod orders;

use std::{error::Error, time::SystemTime};

use rust_scaffold::{Explorer, Server, Streaming};
use telemetry::{MyTelemetry, Point, Telemetry as _, TelemetryServer, point};
use tokio::net::TcpListener;

use self::{
    accounts::ShopAccounts,
    orders::Shop,
    shop::v1::{AccountsServer, OrdersServer},
};

/// The contract in `proto/shop.proto`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    clippy::too_many_arguments,
    reason = "generated code follows its proto, not the lints of this workspace"
)]
mod shop {
    pub(crate) mod v1 {
        rust_scaffold::include_proto!("shop.v1");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    Server::new()
        .add_service(OrdersServer::new(Shop::default()))
        .add_service(AccountsServer::new(ShopAccounts))
        .add_service(TelemetryServer::new(telemetry().await?))
        .reflection()
        .explorer(Explorer::at("/docs"))
        .serve_listener(listener)
        .await?;
    Ok(())
}

/// Telemetry with a few points.
async fn telemetry() -> Result<MyTelemetry, Box<dyn Error>> {
    let telemetry = MyTelemetry::default();
    let points = (0..5_u8).map(|number| Point {
        series: "room/temperature".to_owned(),
        time: Some(SystemTime::now().into()),
        value: Some(point::Value::Number(f64::from(number) / 4.0 + 20.0)),
        labels: [("floor".to_owned(), "2".to_owned())].into(),
        quality: point::Quality::Good.into(),
    });
    telemetry.upload(rust_scaffold::Request::new(Streaming::from_iter(points))).await?;
    Ok(telemetry)
}

/// The calls that `page.test.js` copies as Rust.
#[cfg(test)]
mod snippets {
    use std::error::Error;

    use crate::shop;

    include!(concat!(env!("OUT_DIR"), "/snippets.rs"));

    #[test]
    fn they_compile() {
        drop((place(), place_all(), follow(), ask()));
    }
}
