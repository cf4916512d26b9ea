//! The networks of the proxies that are trusted.

use std::net::IpAddr;

use crate::{connection::connect_info::ConnectInfo, server::error::ServeError};

/// What stands for peers on Unix sockets, as in nginx.
const UNIX: &str = "unix:";

/// Networks as they were given, which may not be any.
#[derive(Clone, Debug)]
pub(super) struct NetworkList(Vec<String>);

/// Networks whose proxies are trusted.
#[derive(Debug)]
pub(super) struct TrustedNetworks {
    networks: Vec<IpNetwork>,
    with_unix: bool,
}

/// The addresses that begin like `bits`, as IPv6 has them. Those of IPv4 are mapped: a socket that accepts both shows
/// them so, and no list should have to name both.
#[derive(Debug)]
struct IpNetwork {
    bits: u128,
    /// How many of the last bits do not matter.
    host_bits: u32,
}

impl NetworkList {
    pub(super) fn new(networks: impl IntoIterator<Item: Into<String>>) -> Self {
        Self(networks.into_iter().map(Into::into).collect())
    }

    /// # Errors
    /// One of them is no network, or there is none. `option` is the method of `Server` that has got them.
    pub(super) fn parse(&self, option: &'static str) -> Result<TrustedNetworks, ServeError> {
        let invalid = |reason| ServeError::InvalidOption { option, reason };
        if self.0.is_empty() {
            return Err(invalid("trusts nobody: name the networks of the proxies".to_owned()));
        }
        let mut trusted = TrustedNetworks { networks: Vec::new(), with_unix: false };
        for text in &self.0 {
            match (text.as_str(), IpNetwork::parse(text)) {
                (UNIX, _) => trusted.with_unix = true,
                (_, Some(network)) => trusted.networks.push(network),
                (_, None) => {
                    return Err(invalid(format!(
                        "has {text:?}, which is no network: it is like \"10.0.0.0/8\", \"fd00::/8\", \
                         \"192.0.2.1\" or \"{UNIX}\""
                    )));
                }
            }
        }
        Ok(trusted)
    }
}

impl TrustedNetworks {
    /// Whether the peer of a connection is trusted. One that nothing is known of is not.
    pub(super) fn contain_peer(&self, info: &ConnectInfo) -> bool {
        match info.remote_addr() {
            Some(address) => self.contain(address.ip()),
            None => self.with_unix && is_unix(info),
        }
    }

    pub(super) fn contain(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

impl IpNetwork {
    /// An address, or one and the length of its prefix.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').unzip();
        let address: IpAddr = address.unwrap_or(text).parse().ok()?;
        let length = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(length), |prefix| prefix.parse().ok())?;
        Some(Self { bits: mapped(address), host_bits: u32::checked_sub(length, prefix)? })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let difference = mapped(address) ^ self.bits;
        difference.checked_shr(self.host_bits).is_none_or(|of_network| of_network == 0)
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(unix)]
fn is_unix(info: &ConnectInfo) -> bool {
    info.remote_unix_addr().is_some()
}

#[cfg(not(unix))]
fn is_unix(_: &ConnectInfo) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusts(network: &str, address: &str) -> bool {
        let trusted = NetworkList::new([network]).parse("proxy_protocol").unwrap();
        trusted.contain(address.parse().unwrap())
    }

    #[test]
    fn a_network_has_the_addresses_with_its_prefix() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("192.0.2.0/31", "192.0.2.1", "192.0.2.2"),
            ("0.0.0.0/0", "255.0.0.1", "2001:db8::1"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            // An IPv4 address on a socket for both, and either way of writing the network.
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.0.0.1", "11.0.0.1"),
        ] {
            assert!(trusts(network, inside), "{inside} in {network}");
            assert!(!trusts(network, outside), "{outside} in {network}");
        }
        assert!(trusts("::/0", "2001:db8::1"));
    }

    #[test]
    fn what_is_no_network_is_an_error_that_names_it() {
        for text in ["", "10.0.0.0/33", "10.0.0.0/", "/8", "::/129", "10.0.0/8", "host", "unix"] {
            let error = NetworkList::new(["10.0.0.0/8", text]).parse("forwarded_for").unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
            assert!(error.to_string().starts_with("`Server::forwarded_for` "), "{error}");
        }
        let none: [&str; 0] = [];
        assert!(NetworkList::new(none).parse("proxy_protocol").is_err());
    }

    #[test]
    fn a_peer_is_trusted_if_it_is_known_to_be_in_a_network() {
        let trusted = NetworkList::new(["10.0.0.0/8"]).parse("proxy_protocol").unwrap();
        let tcp = |address: &str| {
            ConnectInfo::tcp("10.0.0.1:1".parse().unwrap(), address.parse().unwrap())
        };
        assert!(trusted.contain_peer(&tcp("10.0.0.2:1")));
        assert!(!trusted.contain_peer(&tcp("192.0.2.1:1")));
        assert!(!trusted.contain_peer(&ConnectInfo::default()));
    }
}
