//! Limits for the rate of calls, by key.

use std::time::Duration;

use rust_scaffold::{Code, InterceptedCall, Rate, RateLimit, Request, Server};
use tokio::time::sleep;

use crate::{
    call_limits::{client, pushback},
    station::{Station, query},
};

#[tokio::test(start_paused = true)]
async fn the_rate_of_calls_is_limited_by_key() {
    let rate = Rate::per_second(10).burst(2);
    let by_name = RateLimit::new(rate, |call: &InterceptedCall| {
        call.metadata().get("name").map(|name| name.as_bytes().to_vec())
    });
    let client = client(Server::new().intercept(by_name), &Station::default());
    let call = |name: Option<&'static str>| {
        let mut request = Request::new(query("a", 1));
        if let Some(name) = name {
            request.metadata_mut().insert("name", name.parse().unwrap());
        }
        client.latest(request)
    };
    call(Some("Ada")).await.unwrap();
    call(Some("Ada")).await.unwrap();
    let refused = call(Some("Ada")).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(pushback(&refused), Duration::from_millis(100));
    // Others, and those without a name, are not concerned.
    call(Some("Grace")).await.unwrap();
    for _ in 0..5 {
        call(None).await.unwrap();
    }
    sleep(pushback(&refused)).await;
    call(Some("Ada")).await.unwrap();
    assert_eq!(call(Some("Ada")).await.unwrap_err().code(), Code::ResourceExhausted);
}
