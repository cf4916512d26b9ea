//! Whatever is taken for an address.

use rust_scaffold::{Channel, Code};

use crate::{mutate::change_text, random::Random};

const ADDRESSES: [&str; 10] = [
    "http://localhost:50051",
    "http://[::1]:50051/",
    "http://[fe80::1%25eth0]:1",
    "https://example.com",
    "http://user:secret@127.0.0.1:65535",
    "unix:/run/calculator.sock",
    "unix:///run/a.sock",
    "unix:",
    "dns:///example.com:443",
    "http://1.2.3.4:0/path?query#fragment",
];

const PIECES: [&str; 24] = [
    "",
    ":",
    "::",
    "/",
    "//",
    "[",
    "]",
    "%",
    "%25",
    "%00",
    "@",
    "?",
    "#",
    " ",
    "\0",
    "é",
    "\u{202e}",
    "65536",
    "99999999999999999999",
    "-1",
    "http://",
    "unix:",
    "xn--",
    ".",
];

/// An address, or something that is none.
pub(crate) fn any(random: &mut Random) -> String {
    let mut address = random.one_of(&ADDRESSES).to_owned();
    for _ in 0..random.within(0..5) {
        change_text(&mut address, &PIECES, random);
    }
    address
}

/// Takes it or refuses it, in words.
pub(crate) fn parse(address: &str) {
    let refused = |result: Result<Channel, rust_scaffold::ConnectError>| {
        if let Err(error) = result {
            let status = rust_scaffold::Status::from(error);
            assert_eq!(status.code(), Code::InvalidArgument, "{address:?}: {status}");
            assert!(!status.message().is_empty());
        }
    };
    refused(Channel::connect_lazy(address));
    // Not even TLS keeps it from being looked at.
    let connector =
        |_| async { Err::<tokio::io::DuplexStream, _>(std::io::ErrorKind::Other.into()) };
    refused(Channel::builder(address).user_agent(address).connector(connector).connect_lazy());
}
