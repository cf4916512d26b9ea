// The code for shop.proto is in modules with the names of its packages.
use rust_scaffold::Request;

let client = shop::v1::OrdersClient::connect("http://127.0.0.1:50051").await?;
let mut request = Request::new(shop::v1::Order {
    id: -1,
    customer: "D'Arcy".into(),
    items: vec![shop::v1::order::Item {
        name: "Tea".into(),
        quantity: 1,
        size: shop::v1::Size::Small.into(),
        extras: [("milk".into(), "oat".into())].into(),
    }],
    ready_at: Some("2026-01-31T12:00:00Z".parse::<rust_scaffold::prost_types::Timestamp>()?),
    patience: Some(rust_scaffold::prost_types::Duration { seconds: -1, nanos: -500000000 }),
    payment: Some(shop::v1::order::Payment::Card("••••••".into())),
    note: Some("a \"note\"\n".into()),
    preferences: Some(Default::default(/* {"hot":true} */)),
    changed: Some(Default::default(/* "tip" */)),
    tip: Some(2.0),
    signature: vec![0, 255],
    sizes: vec![shop::v1::Size::Large.into(), shop::v1::Size::Unspecified.into()],
    more: Some(Box::new(shop::v1::Order {
        payment: Some(shop::v1::order::Payment::Voucher(shop::v1::Voucher {
            code: "x".into(),
            cents: 5,
        })),
        ..Default::default()
    })),
});
request.metadata_mut().insert("tenant", "north".parse()?);
request.metadata_mut().insert("authorization", std::env::var("AUTHORIZATION")?.parse()?);
request.set_timeout(std::time::Duration::from_millis(1500));
let response = client.place(request).await?.into_inner();
println!("{response:?}");
