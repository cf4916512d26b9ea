//! A small unary call: mocked, direct, and over tonic's connection in memory.

use bench::{
    calls::{
        Adder, Notebook, as_contract, as_mockall, duplex, mockall, ours, over_duplex,
        through_client,
    },
    scaffold::calculator::CalculatorClient,
};

use crate::{
    Row,
    clock::{Work, medians},
};

/// Calls that one mock gets: ours remembers them.
const CALLS_OF_A_MOCK: u64 = 250;
const ROUNDS: usize = 15;

pub(crate) async fn run() -> Vec<Row> {
    let (stock, direct) = (duplex().await, CalculatorClient::in_process_direct(Adder));
    let works: [(u64, Work<'_>); 7] = [
        (2_000, Box::new(|calls| Box::pin(over_duplex(&stock, calls)))),
        (20_000, Box::new(|calls| Box::pin(mocked(calls)))),
        (1_000_000, Box::new(|calls| Box::pin(as_contract(&Adder, calls)))),
        (200_000, Box::new(|calls| Box::pin(through_client(&direct, calls)))),
        (20_000, Box::new(|calls| Box::pin(mocked_contract(calls)))),
        (20_000, Box::new(|calls| Box::pin(mocked_by_hand(calls)))),
        (20_000, Box::new(|calls| Box::pin(mocked_by_mockall(calls)))),
    ];
    let [duplex, mocked, direct, behind_dyn, contract, hand, mockall] =
        medians(ROUNDS, works).await;
    let cpu = ("CPU per call", "ns");
    vec![
        ("mocked unary call", "rust-scaffold", cpu, mocked),
        ("mocked unary call", "tonic", cpu, duplex),
        ("direct dispatch", "rust-scaffold", cpu, direct),
        ("direct dispatch", "rust-scaffold (dyn)", cpu, behind_dyn),
        ("direct dispatch", "tonic", cpu, duplex),
        ("mock as the contract", "rust-scaffold", cpu, contract),
        ("mock as the contract", "records by hand", cpu, hand),
        ("mock as the contract", "mockall", cpu, mockall),
    ]
}

async fn mocked(calls: u64) {
    for _ in 0..calls / CALLS_OF_A_MOCK {
        let mock = ours();
        through_client(&mock.client(), CALLS_OF_A_MOCK).await;
    }
}

async fn mocked_contract(calls: u64) {
    for _ in 0..calls / CALLS_OF_A_MOCK {
        as_contract(&ours(), CALLS_OF_A_MOCK).await;
    }
}

async fn mocked_by_hand(calls: u64) {
    for _ in 0..calls / CALLS_OF_A_MOCK {
        as_contract(&Notebook::default(), CALLS_OF_A_MOCK).await;
    }
}

async fn mocked_by_mockall(calls: u64) {
    for _ in 0..calls / CALLS_OF_A_MOCK {
        as_mockall(&mockall(), CALLS_OF_A_MOCK).await;
    }
}
