//! Makes calls that are logged, traced and measured, and exports the spans and metrics over OTLP.

use std::{env, error::Error};

use observability::{
    Telemetry,
    collector::{Collector, text},
    service::{AddRequest, Adder, CalculatorClient, CalculatorServer, SubtractRequest},
};
use rust_scaffold::{Channel, Server};
use tokio::{net::TcpListener, task::spawn_blocking};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (collector, endpoint) = match env::var("OTEL_EXPORTER_OTLP_ENDPOINT") {
        Ok(endpoint) => (None, endpoint),
        Err(_) => {
            let (collector, endpoint) = Collector::start().await?;
            (Some(collector), endpoint)
        }
    };
    let telemetry = Telemetry::export_to(&endpoint, "calculator")?;
    opentelemetry::global::set_meter_provider(telemetry.meters.clone());
    tracing::subscriber::set_global_default(telemetry.subscriber())?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let server = Server::new()
        .log_calls()
        .trace_calls()
        .measure_calls()
        .add_service(CalculatorServer::new(Adder));
    tokio::spawn(server.serve_listener(listener));

    let channel = Channel::connect(address).await?.trace_calls().measure_calls();
    let calculator = CalculatorClient::new(channel);
    let sum = calculator.add(AddRequest { a: 5, b: 3 }).await?;
    println!("5 + 3 = {}", sum.into_inner().result);
    if let Err(status) = calculator.subtract(SubtractRequest { a: 5, b: 3 }).await {
        println!("5 - 3: {}", status.message());
    }

    spawn_blocking(move || telemetry.flush().map_err(|error| error.to_string())).await??;
    if let Some(collector) = collector {
        print(&collector);
    }
    Ok(())
}

fn print(collector: &Collector) {
    for span in collector.spans() {
        println!("span {}: {}", span.name, text(&span.attributes));
    }
    for metric in collector.metrics() {
        for (attributes, value) in collector.points(&metric.name) {
            println!("{}: {value} of {attributes}", metric.name);
        }
    }
}
