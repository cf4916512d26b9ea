// The code for shop.proto is in modules with the names of its packages.
use rust_scaffold::Streaming;

let client = shop::v1::OrdersClient::connect("http://127.0.0.1:50051").await?;
let request = Streaming::from_iter([
    shop::v1::Order {
        payment: Some(shop::v1::order::Payment::Cash(true)),
        ..Default::default()
    },
    shop::v1::Order::default(),
]);
let response = client.place_all(request).await?.into_inner();
println!("{response:?}");
