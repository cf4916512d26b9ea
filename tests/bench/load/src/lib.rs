//! The load that the wire benchmark puts on every peer alike, and the program around a peer:
//!
//! - `serve`: prints the port that it listens on, then, for every line that it reads, the
//!   microseconds of CPU time that it has taken; ends with its input. `serve-counted` does so under
//!   tools that count.
//! - `load ADDRESS CASE IN_FLIGHT SIZE MESSAGES for=SECONDS`: prints what it measured, as JSON.
//! - `both CASE IN_FLIGHT SIZE MESSAGES calls=N`: a server and its load on one thread, for tools
//!   that count.

mod drive;

use std::{
    future::Future,
    io::{BufRead as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use bytes::Bytes;

pub use drive::{Case, Extent, Load};

/// A peer under load: its client, and the server that answers it.
pub trait Peer: Clone + Send + Sync + 'static {
    /// Serves on `listener` for ever.
    fn serve(listener: TcpListener) -> impl Future<Output = ()> + Send + 'static;

    /// The same under a tool that counts instructions, for which everything takes long.
    fn serve_counted(listener: TcpListener) -> impl Future<Output = ()> + Send + 'static {
        Self::serve(listener)
    }

    /// A client with one connection of its own.
    fn connect(address: SocketAddr) -> impl Future<Output = Self> + Send;

    /// The sum of two numbers.
    fn add(&self, a: i32, b: i32) -> impl Future<Output = i32> + Send;

    /// The sum, asked for with this value of `traceparent` in the metadata.
    fn add_traced(&self, a: i32, b: i32, _: String) -> impl Future<Output = i32> + Send {
        self.add(a, b)
    }

    /// How many bytes come back.
    fn echo(&self, data: Bytes) -> impl Future<Output = usize> + Send;

    /// How many messages of `size` bytes come.
    fn download(&self, _messages: u32, _size: u32) -> impl Future<Output = u64> + Send {
        async { unreachable!("the peer has no streams") }
    }

    /// How many messages arrived.
    fn upload(&self, _messages: u32, _data: Bytes) -> impl Future<Output = u64> + Send {
        async { unreachable!("the peer has no streams") }
    }

    /// How many messages come back.
    fn chat(&self, _messages: u32, _data: Bytes) -> impl Future<Output = u64> + Send {
        async { unreachable!("the peer has no streams") }
    }
}

/// The program around the peer `P`.
///
/// # Panics
/// When it is called in another way than the benchmark does, or the peer fails.
pub fn run<P: Peer>() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve"] => serve(P::serve),
        ["serve-counted"] => serve(P::serve_counted),
        ["load", address, load @ ..] => {
            let (load, address) = (Load::parse(load), address.parse());
            let address: SocketAddr = address.expect("an address");
            println!("{}", threads().block_on(load.run::<P>(address)));
        }
        ["both", load @ ..] => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            println!("{}", runtime.expect("a runtime").block_on(both::<P>(Load::parse(load))));
        }
        _ => panic!("serve, load or both, with what they take"),
    }
}

fn threads() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.set_nonblocking(true).expect("a listener that does not block");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

fn serve<F: Future<Output = ()> + Send + 'static>(serve: impl FnOnce(TcpListener) -> F) {
    let (listener, address) = listen();
    let runtime = threads();
    let serving = runtime.enter();
    runtime.spawn(serve(listener));
    drop(serving);
    println!("{}", address.port());
    for _ in std::io::stdin().lock().lines() {
        println!("{}", cpu_time().as_micros());
        std::io::stdout().flush().expect("somebody who reads it");
    }
    runtime.shutdown_background();
}

async fn both<P: Peer>(load: Load) -> serde_json::Value {
    let (listener, address) = listen();
    tokio::spawn(P::serve_counted(listener));
    load.run::<P>(address).await
}

/// The CPU time of this process.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.try_into().expect("a time since the beginning")
}
