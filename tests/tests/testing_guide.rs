//! Compiles and runs every block of Rust in `docs/testing.md`, that of the README about mocks, those of
//! `docs/generated-code.md` about trait objects and decorators, and those of `docs/operations.md`, `docs/errors.md`,
//! `docs/auth.md`, `docs/observability.md` and `docs/guide.md`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use rust_scaffold::{
    AdaptiveLimit, CallLog, Channel, ChannelzService, Code, Cors, ForwardedFor, HealthReporter,
    HealthStatus, InterceptedCall, Limits, LogFormat, ProxyProtocol, Rate, RateLimit, Request,
    Response, RpcConventions, Server, Status, Streaming, TraceCalls,
    mock::{Sequence, ge, script, within},
};

use calculator::{
    AddRequest, AddResponse, Calculator, CalculatorClient, CalculatorDecorator, CalculatorServer,
    DecoratedCalculator, DynCalculator, MockCalculator, SubtractRequest, SubtractResponse,
};
use channelz::{ChannelzClient, GetServersRequest};
use health::{HealthCheckRequest, HealthClient, health_check_response::ServingStatus};
use telemetry::{MockTelemetry, Point, Query};

#[allow(missing_docs, unreachable_pub, clippy::doc_markdown, clippy::too_many_arguments)]
mod calculator {
    rust_scaffold::include_proto!("calculator");
}

#[allow(dead_code, missing_docs, unreachable_pub, clippy::doc_markdown, clippy::too_many_arguments)]
mod channelz {
    rust_scaffold::include_proto!("grpc.channelz.v1");
}

#[allow(dead_code, missing_docs, unreachable_pub, clippy::doc_markdown)]
mod health {
    rust_scaffold::include_proto!("grpc.health.v1");
}

#[allow(missing_docs, unreachable_pub, clippy::doc_markdown, clippy::too_many_arguments)]
mod telemetry {
    rust_scaffold::include_proto!("telemetry");
}

/// The real calculator of the guide.
struct Abacus;

impl Calculator for Abacus {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let AddRequest { a, b } = request.into_inner();
        Ok(Response::new(AddResponse { result: a + b }))
    }

    async fn subtract(
        &self,
        request: Request<SubtractRequest>,
    ) -> Result<Response<SubtractResponse>, Status> {
        let SubtractRequest { a, b } = request.into_inner();
        Ok(Response::new(SubtractResponse { result: a - b }))
    }
}

/// The code under test of the README.
struct Checkout {
    calculator: CalculatorClient,
}

impl Checkout {
    async fn total(&self, price: i32, postage: i32) -> Result<i32, Status> {
        let sum = self.calculator.add(AddRequest { a: price, b: postage }).await?;
        Ok(sum.into_inner().result)
    }
}

include!(concat!(env!("OUT_DIR"), "/testing_guide.rs"));
