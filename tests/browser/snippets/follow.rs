// The code for shop.proto is in modules with the names of its packages.
let client = shop::v1::OrdersClient::connect("http://127.0.0.1:50051").await?;
let request = shop::v1::Order::default();
let mut responses = client.follow(request).await?.into_inner();
while let Some(response) = responses.message().await? {
    println!("{response:?}");
}
