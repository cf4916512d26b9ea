//! The header of the PROXY protocol, in both of its versions, as [HAProxy specifies
//! it](https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use bytes::Buf as _;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// With which version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// How long a header of version 1 may be.
const MAX_LINE: usize = 107;
/// How long a header of version 2 may be, after its first 16 bytes. What it tells of a client's certificate takes some
/// KiB.
const MAX_BLOCK: usize = 16 * 1024;

/// Both ends of the connection that a proxy has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProxiedAddresses {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
}

/// Reads a header, and nothing behind it. None if the proxy has connected on its own behalf, or does not tell for whom.
///
/// # Errors
/// Those of `io`, and `InvalidData` if there is no header, or it is malformed.
pub(super) async fn read(
    io: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<ProxiedAddresses>> {
    // As much as each version has.
    let mut start = [0; SIGNATURE.len()];
    io.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        return read_version_2(io).await;
    }
    if !start.starts_with(b"PROXY ") {
        return Err(invalid("has no header of the PROXY protocol"));
    }
    let mut line = start.to_vec();
    // Byte by byte: how long it is shows at its end, and what follows is the client's.
    while !line.ends_with(b"\n") {
        if line.len() == MAX_LINE {
            return Err(invalid("has a PROXY header of version 1 that does not end"));
        }
        line.push(io.read_u8().await?);
    }
    parse_line(&line).ok_or_else(|| invalid("has a malformed PROXY header of version 1"))
}

async fn read_version_2(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<ProxiedAddresses>> {
    let mut start = [0; 4];
    io.read_exact(&mut start).await?;
    let [command, family, length @ ..] = start;
    let length = usize::from(u16::from_be_bytes(length));
    if length > MAX_BLOCK {
        return Err(invalid("has a PROXY header of more than 16 KiB"));
    }
    let mut block = vec![0; length];
    io.read_exact(&mut block).await?;
    parse_block([command, family], &block)
        .ok_or_else(|| invalid("has a malformed PROXY header of version 2"))
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// The addresses in a line of version 1, if it has some. None if it is malformed.
fn parse_line(line: &[u8]) -> Option<Option<ProxiedAddresses>> {
    let line = str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let words: Vec<_> = line.split(' ').collect();
    match *words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Some(None),
        ["PROXY", family, source, destination, source_port, destination_port] => {
            let source = address(family, source, source_port)?;
            let destination = address(family, destination, destination_port)?;
            Some(Some(ProxiedAddresses { source, destination }))
        }
        _ => None,
    }
}

fn address(family: &str, ip: &str, port: &str) -> Option<SocketAddr> {
    let ip = match family {
        "TCP4" => ip.parse::<Ipv4Addr>().ok()?.into(),
        "TCP6" => ip.parse::<Ipv6Addr>().ok()?.into(),
        _ => return None,
    };
    // Signs and leading zeros are not allowed.
    let port = port.parse().ok().filter(|number: &u16| number.to_string() == port)?;
    Some(SocketAddr::new(ip, port))
}

/// The addresses in a header of version 2, if it has some. None if it is malformed. Extensions follow them, which are
/// skipped.
fn parse_block(start: [u8; 2], mut block: &[u8]) -> Option<Option<ProxiedAddresses>> {
    let ip: fn(&mut &[u8]) -> Option<IpAddr> = match start {
        [0x21, 0x11] => |block| Some(Ipv4Addr::from_bits(block.try_get_u32().ok()?).into()),
        [0x21, 0x21] => |block| Some(Ipv6Addr::from_bits(block.try_get_u128().ok()?).into()),
        // On the proxy's own behalf, to see whether the server is healthy: the family is ignored.
        [0x20, _] => return Some(None),
        // Unspecified, over UDP, or from a Unix socket.
        [0x21, 0x00 | 0x12 | 0x22 | 0x31 | 0x32] => return Some(None),
        _ => return None,
    };
    let [source, destination] = [ip(&mut block)?, ip(&mut block)?];
    let [source_port, destination_port] = [block.try_get_u16().ok()?, block.try_get_u16().ok()?];
    Some(Some(ProxiedAddresses {
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
    }))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// What is read of `header`, which comes in pieces of `size` bytes, and what is left behind it.
    async fn read_pieces(
        header: &[u8],
        size: usize,
    ) -> (io::Result<Option<ProxiedAddresses>>, Vec<u8>) {
        let (mut proxy, mut server) = tokio::io::duplex(size);
        let sent = [header, b"PRI"].concat();
        let sending = async move {
            // Fails if the reader has seen enough.
            let _ = proxy.write_all(&sent).await;
        };
        let reading = async move {
            let read = read(&mut server).await;
            let mut rest = Vec::new();
            server.read_to_end(&mut rest).await.unwrap();
            (read, rest)
        };
        tokio::join!(sending, reading).1
    }

    fn version_2(start: [u8; 2], block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &start, &length, block].concat()
    }

    fn addresses(source: &str, destination: &str) -> Option<ProxiedAddresses> {
        let [source, destination] = [source, destination].map(|text| text.parse().unwrap());
        Some(ProxiedAddresses { source, destination })
    }

    #[tokio::test]
    async fn headers_are_read_to_their_end_however_they_are_cut() {
        let v4 = addresses("192.0.2.1:56324", "198.51.100.2:443");
        let v6 = addresses("[2001:db8::1]:65535", "[2001:db8::2]:1");
        let block_4 = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb];
        let mut block_6 = [0; 36];
        block_6[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        block_6[16..20].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        (block_6[15], block_6[31]) = (1, 2);
        block_6[32..].copy_from_slice(&[0xff, 0xff, 0, 1]);
        let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(MAX_LINE - 16));
        let with_extension = [block_4.as_slice(), &[0x05, 0, 3, 1, 2, 3]].concat();
        let with_certificate = [block_4.as_slice(), &vec![7; MAX_BLOCK - 12]].concat();
        for (header, expected) in [
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".to_vec(), v4),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 65535 1\r\n".to_vec(), v6),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (longest.into_bytes(), None),
            (version_2([0x21, 0x11], &block_4), v4),
            (version_2([0x21, 0x11], &with_extension), v4),
            (version_2([0x21, 0x11], &with_certificate), v4),
            (version_2([0x21, 0x21], &block_6), v6),
            (version_2([0x21, 0x00], b"\x01\0\x01h"), None),
            (version_2([0x21, 0x31], &[b'/'; 216]), None),
            (version_2([0x20, 0x00], b""), None),
            (version_2([0x20, 0xff], b"whatever"), None),
        ] {
            for size in [1, 7, 64 * 1024] {
                let (read, rest) = read_pieces(&header, size).await;
                assert_eq!(read.unwrap(), expected, "{header:?} in pieces of {size}");
                assert_eq!(rest, b"PRI", "{header:?} in pieces of {size}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_an_error() {
        let endless = format!("PROXY UNKNOWN {}\r\n", "f".repeat(MAX_LINE - 15));
        for header in [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\0\0".to_vec(),
            endless.into_bytes(),
            b"PROXY\r\n and more of it".to_vec(),
            b"PROXY TCP4\r\n".to_vec(),
            b"PROXY UNKNOWNS\r\n".to_vec(),
            b"PROXY TCP5 192.0.2.1 198.51.100.2 56324 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n".to_vec(),
            b"PROXY TCP4  192.0.2.1 198.51.100.2 56324 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 65536\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 +443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 056324 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.256 198.51.100.2 56324 443\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n".to_vec(),
            b"PROXY TCP6 192.0.2.1 198.51.100.2 56324 443\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 \xff43\r\n".to_vec(),
            version_2([0x31, 0x11], &[0; 12]),
            version_2([0x22, 0x11], &[0; 12]),
            version_2([0x21, 0x41], &[0; 12]),
            version_2([0x21, 0x13], &[0; 12]),
            version_2([0x21, 0x11], &[0; 11]),
            version_2([0x21, 0x21], &[0; 35]),
            version_2([0x20, 0x00], &vec![0; MAX_BLOCK + 1]),
        ] {
            let (read, _) = read_pieces(&header, 64 * 1024).await;
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::InvalidData, "{header:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_within_its_header_says_so() {
        let header = version_2([0x21, 0x11], &[0; 12]);
        for end in 0..header.len() {
            let error = read(&mut &header[..end]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{end}");
        }
    }
}
