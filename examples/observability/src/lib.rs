//! How a program exports the spans and the metrics of its calls.

pub mod collector;
pub mod service;

use std::error::Error;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider, trace::SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::{Registry, filter::LevelFilter, layer::SubscriberExt as _};

/// What exports spans and metrics.
#[derive(Debug)]
pub struct Telemetry {
    spans: SdkTracerProvider,
    /// Makes the instruments: for [`opentelemetry::global::set_meter_provider`], or a meter of its own.
    pub meters: SdkMeterProvider,
}

impl Telemetry {
    /// Exports to the collector at `endpoint`, in the name of `service`. Needs a runtime with a thread that is not
    /// blocked when it [`flush`](Self::flush)es.
    ///
    /// # Errors
    /// The endpoint is not a valid address.
    pub fn export_to(endpoint: &str, service: &'static str) -> Result<Self, Box<dyn Error>> {
        let resource = Resource::builder().with_service_name(service).build();
        let spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
        let metrics = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
        Ok(Self {
            spans: SdkTracerProvider::builder()
                .with_batch_exporter(spans)
                .with_resource(resource.clone())
                .build(),
            meters: SdkMeterProvider::builder()
                .with_periodic_exporter(metrics)
                .with_resource(resource)
                .build(),
        })
    }

    /// Makes spans of `tracing` spans of OpenTelemetry: for `tracing::subscriber::set_global_default`.
    pub fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(self.spans.tracer("observability"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        // The libraries below have spans of lower levels, many for each call.
        Registry::default().with(LevelFilter::INFO).with(layer)
    }

    /// Exports what there is. Blocks its thread.
    ///
    /// # Errors
    /// The collector cannot be reached, or does not want it.
    pub fn flush(&self) -> Result<(), Box<dyn Error>> {
        self.spans.force_flush()?;
        self.meters.force_flush()?;
        Ok(())
    }
}
