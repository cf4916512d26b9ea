//! Serves telemetry, feeds it, and draws what comes out, all in this process, over a socket.

mod source;

use std::{
    error::Error,
    io::{IsTerminal, stdout},
    time::{Duration, SystemTime},
};

use rust_scaffold::{Server, Status, Streaming, prost_types};
use telemetry::{
    MyTelemetry, Point, Query, TelemetryClient, TelemetryServer, point::Value, view::Row,
};
use tokio::{net::TcpListener, time::sleep};

const SERIES: [&str; 3] = ["room/temperature", "room/humidity", "server/load"];
const HISTORY: u32 = 120;
const LIVE: u32 = 60;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let server = Server::new().add_service(TelemetryServer::new(MyTelemetry::default()));
    tokio::spawn(server.serve_listener(listener));

    let telemetry = TelemetryClient::connect(address).await?;
    upload_history(&telemetry).await?;
    ask_for_latest(&telemetry).await?;
    watch_history(&telemetry).await?;
    let (fed, tailed) = tokio::join!(feed(&telemetry), tail(&telemetry));
    Ok(fed.and(tailed)?)
}

/// One point a minute of each series, up to a minute ago.
async fn upload_history(telemetry: &TelemetryClient) -> Result<(), Status> {
    let now = SystemTime::now();
    let points = (0..HISTORY).flat_map(move |minute| {
        let time = now - Duration::from_secs(60) * (HISTORY - minute);
        SERIES.map(|series| source::point(series, minute, time))
    });
    let summary = telemetry.upload(Streaming::from_iter(points)).await?.into_inner();
    println!(
        "upload: {} points of {} series, {} minutes, from {:.1} to {:.1}",
        summary.accepted,
        summary.accepted_by_series.len(),
        summary.span.map_or(0, |span| span.seconds / 60),
        summary.minimum.unwrap_or_default(),
        summary.maximum.unwrap_or_default(),
    );
    Ok(())
}

async fn ask_for_latest(telemetry: &TelemetryClient) -> Result<(), Status> {
    let point = telemetry.latest(query(SERIES[0])).await?.into_inner();
    println!("latest: {} {:.1}", point.series, number(&point));
    if let Err(status) = telemetry.latest(query("cellar/temperature")).await {
        println!("latest: {:?}, {}", status.code(), status.message());
    }
    Ok(())
}

async fn watch_history(telemetry: &TelemetryClient) -> Result<(), Status> {
    let query = Query { limit: HISTORY, ..query(SERIES[0]) };
    let mut points = telemetry.watch(query).await?.into_inner();
    let mut row = Row::new(SERIES[0]);
    while let Some(point) = points.message().await? {
        row.push(number(&point));
    }
    println!("\nwatch:\n{row}\n\ntail:");
    Ok(())
}

/// New points of every series, for a few seconds.
async fn feed(telemetry: &TelemetryClient) -> Result<(), Status> {
    let (sender, points) = Streaming::channel(SERIES.len());
    let send = async {
        for step in HISTORY..HISTORY + LIVE {
            for series in SERIES {
                sender.send(source::point(series, step, SystemTime::now())).await?;
            }
            sleep(Duration::from_millis(40)).await;
        }
        drop(sender);
        Ok(())
    };
    let (sent, answered) = tokio::join!(send, telemetry.upload(points));
    sent.and(answered.map(drop))
}

/// Draws the new points of all series as they come in.
async fn tail(telemetry: &TelemetryClient) -> Result<(), Status> {
    let young = prost_types::Duration { seconds: 30, nanos: 0 };
    let queries = SERIES.map(|series| Query { limit: LIVE, max_age: Some(young), ..query(series) });
    // Nothing is read of the headers, so there is no reason to wait for them.
    let (_, mut points) = telemetry.tail(Streaming::from_iter(queries)).open();
    let mut rows = SERIES.map(Row::new);
    let redraws = stdout().is_terminal();
    let mut drawn = false;
    while let Some(point) = points.message().await? {
        let Some(row) = SERIES.iter().position(|series| *series == point.series) else { continue };
        rows[row].push(number(&point));
        if redraws {
            draw(&rows, drawn);
            drawn = true;
        }
    }
    draw(&rows, drawn);
    Ok(())
}

/// Prints the rows, in a terminal over those that were printed before.
fn draw(rows: &[Row], over: bool) {
    let erase_the_rest = if over { "\x1b[K" } else { "" };
    if over {
        print!("\x1b[{}A", rows.len());
    }
    for row in rows {
        println!("{row}{erase_the_rest}");
    }
}

fn query(series: &str) -> Query {
    Query { series: series.to_owned(), ..Query::default() }
}

fn number(point: &Point) -> f64 {
    match point.value {
        Some(Value::Number(number)) => number,
        _ => f64::NAN,
    }
}
