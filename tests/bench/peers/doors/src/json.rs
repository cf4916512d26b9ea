//! The service in JSON, as one would write it by hand.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::ITEMS;

#[derive(Deserialize, Serialize)]
pub(crate) struct Add {
    pub(crate) a: i32,
    pub(crate) b: i32,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Sum {
    #[serde(default)]
    pub(crate) result: i32,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) customer: Customer,
    pub(crate) items: Vec<Item>,
    pub(crate) is_gift: bool,
    pub(crate) note: String,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Customer {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) street: String,
    pub(crate) city: String,
    pub(crate) country: String,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Item {
    pub(crate) sku: String,
    pub(crate) title: String,
    pub(crate) quantity: u32,
    pub(crate) price: f64,
    pub(crate) tags: Vec<String>,
}

/// An order for the books of one shelf.
pub(crate) fn order() -> Order {
    let item = |number: usize| Item {
        sku: format!("978-3-16-148410-{number}"),
        title: format!("A history of everything, in several volumes: volume {}", number + 1),
        quantity: 1 + number as u32,
        price: 19.9 + number as f64,
        tags: vec!["history".into(), "hardcover".into(), "signed".into()],
    };
    Order {
        id: "0195f2a4-7c1e-7d3b-9c55-1f2e3d4c5b6a".into(),
        customer: Customer {
            name: "Ada Lovelace".into(),
            email: "ada@example.com".into(),
            street: "12 St James's Square".into(),
            city: "London".into(),
            country: "GB".into(),
        },
        items: (0..ITEMS).map(item).collect(),
        is_gift: true,
        note: "Please ring twice, and leave it with the neighbour if nobody is in.".into(),
    }
}

/// A client of HTTP, with as many connections as it needs.
#[derive(Clone)]
pub(crate) struct JsonClient {
    client: Client<HttpConnector, Full<Bytes>>,
    add: Uri,
    place: Uri,
}

impl JsonClient {
    pub(crate) fn new(address: SocketAddr, paths: [&str; 2], is_http2: bool) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut client = Client::builder(TokioExecutor::new());
        client.http2_only(is_http2);
        let [add, place] = paths.map(|path| format!("http://{address}{path}").parse());
        Self {
            client: client.build(connector),
            add: add.expect("a URL"),
            place: place.expect("a URL"),
        }
    }

    pub(crate) async fn add(&self, a: i32, b: i32) -> i32 {
        self.post::<Sum>(&self.add, &Add { a, b }).await.result
    }

    /// How many items of an order come back.
    pub(crate) async fn place(&self) -> usize {
        self.post::<Order>(&self.place, &order()).await.items.len()
    }

    async fn post<T: DeserializeOwned>(&self, url: &Uri, body: &impl Serialize) -> T {
        let body = serde_json::to_vec(body).expect("JSON");
        let request = Request::post(url).header("content-type", "application/json");
        let request = request.body(Full::new(body.into())).expect("a request");
        let response = self.client.request(request).await.expect("a response");
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        serde_json::from_slice(&body).expect("JSON")
    }
}
