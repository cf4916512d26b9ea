//! Dials the addresses of a name in parallel, because the first may be dead without an error.
//!
//! See [RFC 8305, "Happy Eyeballs"](https://www.rfc-editor.org/rfc/rfc8305), and [gRFC
//! A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).

use std::{
    fmt::Display,
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::Poll,
    time::Duration,
};

use tokio::time::timeout;

use crate::call::deadline::FOREVER;

/// The delay before the next address is dialled as well.
const NEXT_AFTER: Duration = Duration::from_millis(250);

/// The result of `dial` for the first of `addresses` with which it succeeds. The next address is dialled
/// after [`NEXT_AFTER`], or as soon as one has failed. Slower attempts are dropped.
///
/// # Errors
/// If all addresses fail, with the reason of each.
pub(super) async fn race<A, T, F>(addresses: Vec<A>, dial: impl Fn(A) -> F) -> io::Result<T>
where
    A: Clone + Display,
    F: Future<Output = io::Result<T>>,
{
    let mut addresses = addresses.into_iter();
    let (mut attempts, mut failures) = (Vec::new(), Vec::new());
    loop {
        match addresses.next() {
            Some(address) => attempts.push((address.clone(), Box::pin(dial(address)))),
            None if attempts.is_empty() => return Err(all_failed(failures)),
            None => {}
        }
        let wait = if addresses.as_slice().is_empty() { FOREVER } else { NEXT_AFTER };
        match timeout(wait, first_to_end(&mut attempts)).await {
            Ok((_, Ok(connection))) => return Ok(connection),
            Ok((address, Err(error))) => failures.push((address, error)),
            Err(_) => {}
        }
    }
}

/// An address and its pending connection attempt.
type AddressAttempt<A, F> = (A, Pin<Box<F>>);

/// Waits until one of `attempts` completes, and removes it.
async fn first_to_end<A, F: Future>(attempts: &mut Vec<AddressAttempt<A, F>>) -> (A, F::Output) {
    poll_fn(|cx| {
        for (position, (_, attempt)) in attempts.iter_mut().enumerate() {
            if let Poll::Ready(outcome) = attempt.as_mut().poll(cx) {
                let (address, _) = attempts.swap_remove(position);
                return Poll::Ready((address, outcome));
            }
        }
        Poll::Pending
    })
    .await
}

fn all_failed<A: Display>(mut failures: Vec<(A, io::Error)>) -> io::Error {
    match failures.pop() {
        None => io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"),
        Some((_, error)) if failures.is_empty() => error,
        Some(last) => {
            let kind = last.1.kind();
            failures.push(last);
            let texts = failures.iter().map(|(address, error)| format!("{address}: {error}"));
            io::Error::new(kind, texts.collect::<Vec<_>>().join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::ErrorKind::{ConnectionRefused, NotFound},
        net::SocketAddr,
        sync::Mutex,
    };

    use tokio::{
        net::{TcpListener, TcpSocket, TcpStream},
        time::Instant,
    };

    use super::*;

    /// How an address of a name behaves.
    #[derive(Clone, Copy)]
    enum Host {
        Silent,
        Answers { after: u64 },
        Refuses { after: u64 },
    }

    use Host::{Answers, Refuses, Silent};

    /// Dials `hosts`. Returns which one was connected to, and when each was dialled and when dialling
    /// ended, in milliseconds.
    async fn dial(hosts: &[Host]) -> (io::Result<u16>, Vec<u128>, u128) {
        let start = Instant::now();
        let dialled = Mutex::new(Vec::new());
        let addresses =
            (0u16..).zip(hosts).map(|(port, _)| SocketAddr::from(([127, 0, 0, 1], port)));
        let outcome = race(addresses.collect(), |address| {
            dialled.lock().unwrap().push(start.elapsed().as_millis());
            async move {
                let sleep = |time| tokio::time::sleep(Duration::from_millis(time));
                match hosts[usize::from(address.port())] {
                    Silent => std::future::pending().await,
                    Answers { after } => sleep(after).await,
                    Refuses { after } => {
                        sleep(after).await;
                        return Err(ConnectionRefused.into());
                    }
                }
                Ok(address.port())
            }
        });
        let outcome = timeout(Duration::from_secs(60), outcome).await.unwrap();
        (outcome, dialled.into_inner().unwrap(), start.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_address_is_dialled_beside_one_that_is_silent() {
        let (connected, dialled, over) = dial(&[Silent, Silent, Answers { after: 10 }]).await;
        assert_eq!((connected.unwrap(), dialled, over), (2, vec![0, 250, 500], 510));
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_address_is_dialled_at_once_when_one_fails() {
        let hosts = [Refuses { after: 0 }, Refuses { after: 20 }, Answers { after: 1 }];
        let (connected, dialled, over) = dial(&hosts).await;
        assert_eq!((connected.unwrap(), dialled, over), (2, vec![0, 0, 20], 21));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_that_was_dialled_first_may_still_win() {
        let (connected, dialled, over) = dial(&[Answers { after: 300 }, Silent]).await;
        assert_eq!((connected.unwrap(), dialled, over), (0, vec![0, 250], 300));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_answers_in_time_is_the_only_one_dialled() {
        let (connected, dialled, over) = dial(&[Answers { after: 249 }, Silent]).await;
        assert_eq!((connected.unwrap(), dialled, over), (0, vec![0], 249));
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_fail_the_reason_of_each_is_given() {
        let (connected, dialled, over) = dial(&[Refuses { after: 300 }; 2]).await;
        let error = connected.unwrap_err();
        assert_eq!((error.kind(), dialled, over), (ConnectionRefused, vec![0, 250], 550));
        assert!(error.to_string().contains("127.0.0.1:0: connection refused; 127"), "{error}");
        assert_eq!(dial(&[]).await.0.unwrap_err().kind(), NotFound);
    }

    /// An address that does not complete handshakes, with the listener and the connections that keep its
    /// backlog full.
    async fn swallows_packets() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) =
            timeout(Duration::from_millis(500), TcpStream::connect(address)).await
        {
            waiting.push(stream.unwrap());
            assert!(waiting.len() < 1000, "its backlog is never full");
        }
        (address, listener, waiting)
    }

    #[tokio::test]
    async fn a_dead_address_does_not_keep_the_next_from_being_connected_to() {
        let (dead, _listener, _waiting) = swallows_packets().await;
        let alive = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = alive.local_addr().unwrap();
        let connected = race(vec![dead, address], TcpStream::connect);
        let connected = timeout(Duration::from_secs(30), connected).await.expect("no hang");
        assert_eq!(connected.unwrap().peer_addr().unwrap(), address);
    }
}
