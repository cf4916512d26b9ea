//! A process that administrators look at: see `python/admin.py`.

use std::{error::Error, future::pending};

use rust_scaffold::{Channel, Code, Request};
use tokio::net::TcpListener;

use crate::{
    contract::{
        calculator::{AddRequest, CalculatorClient},
        telemetry::{Query, TelemetryClient},
    },
    scenarios,
};

/// Serves the scenarios and calls them, and prints where to look at that.
pub(crate) async fn serve() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let admin = TcpListener::bind("127.0.0.1:0").await?;
    let admin_address = admin.local_addr()?;
    let server = scenarios::server().admin_listener(admin);
    tokio::spawn(server.build_info("interop", "1.2.3").serve_listener(listener));

    let channel = Channel::connect(address).await?;
    let calculator = CalculatorClient::new(channel.clone());
    calculator.add(AddRequest { a: 1, b: 2 }).await?;
    calculator.add(AddRequest { a: 3, b: 4 }).await?;
    let failed = calculator.add(AddRequest { a: i32::MAX, b: 1 }).await;
    assert_eq!(failed.map_err(|status| status.code()).err(), Some(Code::OutOfRange));
    let query = Query { series: "kinds".to_owned(), ..Query::default() };
    let watch = TelemetryClient::new(channel).watch(Request::new(query)).await?;
    let mut points = watch.into_inner();
    while points.message().await?.is_some() {}

    println!("listening on {admin_address}");
    pending::<()>().await;
    drop(calculator);
    Ok(())
}
