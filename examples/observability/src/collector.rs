//! A collector of OTLP in a program: keeps what it is sent.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data, number_data_point::Value as Number},
    trace::v1::Span,
};
use rust_scaffold::{Request, Response, Server, Status, tonic::async_trait};
use tokio::net::TcpListener;

/// What has been exported.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    metrics: Arc<Mutex<Vec<Metric>>>,
}

impl Collector {
    /// Listens on a free port, and returns what it will have been sent, and the endpoint for exporters.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start() -> io::Result<(Self, String)> {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        // Services that tonic has generated.
        let server = Server::new()
            .add_tower_service(TraceServiceServer::new(collector.clone()))
            .add_tower_service(MetricsServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_listener(listener));
        Ok((collector, endpoint))
    }

    /// The spans, in the order in which they have ended.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The metrics as they were last exported.
    pub fn metrics(&self) -> Vec<Metric> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The points of a metric: their attributes, and their sum or how many values they have.
    pub fn points(&self, name: &str) -> Vec<(String, u64)> {
        let metric = self.metrics().into_iter().find(|metric| metric.name == name);
        match metric.and_then(|metric| metric.data) {
            Some(Data::Sum(sum)) => {
                let value = |number| match number {
                    Some(Number::AsInt(value)) => u64::try_from(value).unwrap_or_default(),
                    Some(Number::AsDouble(_)) | None => 0,
                };
                let points = sum.data_points.into_iter();
                points.map(|point| (text(&point.attributes), value(point.value))).collect()
            }
            Some(Data::Histogram(histogram)) => {
                let points = histogram.data_points.into_iter();
                points.map(|point| (text(&point.attributes), point.count)).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Attributes as text, in the order of their names.
pub fn text(attributes: &[KeyValue]) -> String {
    let mut text: Vec<_> = attributes
        .iter()
        .map(|attribute| {
            let value = attribute.value.as_ref().and_then(|value| value.value.as_ref());
            let value = match value {
                Some(Value::StringValue(value)) => value.clone(),
                Some(Value::IntValue(value)) => value.to_string(),
                other => format!("{other:?}"),
            };
            format!("{}={value}", attribute.key)
        })
        .collect();
    text.sort();
    text.join(" ")
}

#[async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        let spans = scopes.flat_map(|scope| scope.spans);
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let resources = request.into_inner().resource_metrics.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_metrics);
        // Each export has the totals.
        *self.metrics.lock().unwrap_or_else(PoisonError::into_inner) =
            scopes.flat_map(|scope| scope.metrics).collect();
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
