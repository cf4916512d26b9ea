use bench::{calls::*, scaffold::calculator::CalculatorClient};
fn main() {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let n: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    rt.block_on(async {
        match std::env::args().nth(1).unwrap().as_str() {
            "dyn" => through_client(&CalculatorClient::in_process_direct(Adder), n).await,
            "mock" => as_contract(&ours(), n).await,
            "mockall" => as_mockall(&mockall(), n).await,
            _ => as_contract(&Adder, n).await,
        }
    });
}
