//! The explorer: a page on which people look at the services of a server, and call them from the browser.
//!
//! Rust writes down what there is (`schema`) and serves the page (`page`). The page itself is in `web/`, in plain HTML,
//! CSS and JavaScript; it calls by Connect with JSON, as any other client does.

mod options;
mod page;
mod schema;
mod server;

pub use self::options::Explorer;
