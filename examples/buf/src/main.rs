//! A shop that is called in its own process; `buf generate` has written `src/generated`.

#[allow(missing_docs, unreachable_pub, clippy::doc_markdown)]
mod generated;

use generated::{
    common::Money,
    shop::v1::{Line, Order, Shop, ShopClient},
};
use rust_scaffold::{Request, Response, Status, Streaming};

struct CornerShop;

impl Shop for CornerShop {
    async fn price(&self, request: Request<Order>) -> Result<Response<Money>, Status> {
        let lines = request.into_inner().lines;
        let costs = lines.into_iter().map(|Line { count, price, .. }| {
            price.map_or(0, |price| price.cents * i64::from(count))
        });
        Ok(Response::new(Money { currency: "EUR".into(), cents: costs.sum() }))
    }

    async fn orders(&self, _: Request<()>) -> Result<Response<Streaming<Order>>, Status> {
        Ok(Response::new(Streaming::from_iter([Order::default()])))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Status> {
    let shop = ShopClient::in_process(CornerShop);
    let price = Some(Money { currency: "EUR".into(), cents: 250 });
    let line = Line { article: "Tea".into(), count: 3, price };
    let costs = shop.price(Order { at: None, lines: vec![line] }).await?.into_inner();
    println!("Costs: {} {}", costs.cents, costs.currency);
    Ok(())
}
