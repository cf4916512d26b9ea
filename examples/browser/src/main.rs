//! Serves the calculator and telemetry to web pages of another origin.

use std::{
    env,
    error::Error,
    sync::Arc,
    time::{Duration, SystemTime},
};

use calculator::{CalculatorServer, MyCalculator};
use rust_scaffold::{Cors, Request, Server, Status, Streaming};
use telemetry::{MyTelemetry, Point, Telemetry as _, TelemetryServer, point::Value};
use tokio::{net::TcpListener, time};

const SERIES: &str = "room/temperature";

/// The origin of the page, and the address to serve on, may be named.
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let origin = args.next().unwrap_or_else(|| "http://127.0.0.1:8000".to_owned());
    let address = args.next().unwrap_or_else(|| "127.0.0.1:50051".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("serving on {} for pages of {origin}", listener.local_addr()?);

    let telemetry = Arc::new(MyTelemetry::default());
    tokio::spawn(measure(Arc::clone(&telemetry)));
    Server::new()
        .cors(Cors::allow_origins([origin]))
        .add_service(CalculatorServer::new(MyCalculator))
        .add_service(TelemetryServer::from_arc(telemetry))
        .shutdown_on_signal()
        .serve_listener(listener)
        .await?;
    Ok(())
}

/// A point every quarter of a second.
async fn measure(telemetry: Arc<MyTelemetry>) -> Result<(), Status> {
    let mut ticks = time::interval(Duration::from_millis(250));
    for step in 0_u32.. {
        ticks.tick().await;
        let point = Point {
            series: SERIES.to_owned(),
            time: Some(SystemTime::now().into()),
            value: Some(Value::Number(21.0 + 2.5 * (f64::from(step) / 6.0).sin())),
            ..Point::default()
        };
        telemetry.upload(Request::new(Streaming::from_iter([point]))).await?;
    }
    Ok(())
}
