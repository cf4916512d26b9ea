// The code for shop.proto is in modules with the names of its packages.
use rust_scaffold::Streaming;

let client = shop::v1::OrdersClient::connect("http://127.0.0.1:50051").await?;
let request = Streaming::from_iter([shop::v1::Question {
    text: "a".into(),
}]);
let mut responses = client.ask(request).await?.into_inner();
while let Some(response) = responses.message().await? {
    println!("{response:?}");
}
