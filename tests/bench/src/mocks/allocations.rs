//! Allocations of one call, direct or mocked.

use bench::{
    calls::{Adder, as_contract, as_mockall, duplex, mockall, ours, over_duplex, through_client},
    scaffold::calculator::CalculatorClient,
};

use crate::report::{BASELINE, MOCKALL, Report};

/// Enough for what grows from time to time, as the memory of a mock, to be spread over them.
const CALLS: u64 = 1024;

pub(super) fn count(report: &mut Report) {
    let _profiler = dhat::Profiler::builder().testing().build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime on one thread");
    runtime.block_on(async {
        let (stock, direct) = (duplex().await, CalculatorClient::in_process_direct(Adder));
        let (mock, theirs) = (ours(), mockall());
        let (client, contract) = (mock.client(), ours());
        let mocked = per_call(async |calls| through_client(&client, calls).await).await;
        let duplex = per_call(async |calls| over_duplex(&stock, calls).await).await;
        let allocations = ("allocations", "count");
        let mut add = |case, peer, value| report.add((case, peer), allocations, value);
        add("mocked unary call", "rust-scaffold", mocked);
        add("mocked unary call", BASELINE, duplex);
        let value = per_call(async |calls| as_contract(&Adder, calls).await).await;
        add("direct dispatch", "rust-scaffold", value);
        let value = per_call(async |calls| through_client(&direct, calls).await).await;
        add("direct dispatch", "rust-scaffold (dyn)", value);
        add("direct dispatch", BASELINE, duplex);
        let value = per_call(async |calls| as_contract(&contract, calls).await).await;
        add("mock as the contract", "rust-scaffold", value);
        let value = per_call(async |calls| as_mockall(&theirs, calls).await).await;
        add("mock as the contract", MOCKALL, value);
    });
}

async fn per_call(calls: impl AsyncFn(u64)) -> f64 {
    calls(CALLS).await;
    let before = dhat::HeapStats::get().total_blocks;
    calls(CALLS).await;
    (dhat::HeapStats::get().total_blocks - before) as f64 / CALLS as f64
}
