//! How proxies begin connections, as they should, changed in a few places.

use crate::{frames, mutate::change_bytes, random::Random};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of the PROXY protocol, and what a client sends after it.
pub(crate) fn any(random: &mut Random) -> Vec<u8> {
    let mut bytes = match random.within(0..8) {
        0 => (0..random.within(0..300)).map(|_| random.within(0..256) as u8).collect(),
        1..4 => version_1(random),
        _ => version_2(random),
    };
    if random.within(0..2) == 0 {
        change_bytes(&mut bytes, random);
    }
    bytes.extend(frames::of_client(random));
    bytes
}

fn version_1(random: &mut Random) -> Vec<u8> {
    let line = random.one_of(&[
        "PROXY TCP4 203.0.113.7 198.51.100.2 4711 443\r\n",
        "PROXY TCP6 2001:db8::7 2001:db8::2 4711 443\r\n",
        "PROXY UNKNOWN\r\n",
    ]);
    line.as_bytes().to_vec()
}

fn version_2(random: &mut Random) -> Vec<u8> {
    let family = random.one_of(&[0x11, 0x11, 0x21, 0x21, 0x00, 0x12, 0x31, 0xff]);
    let length = match family {
        0x11 => 12,
        0x21 => 36,
        _ => random.within(0..20),
    };
    let length = length + random.one_of(&[0, 0, 0, 7, 300]);
    let command = random.one_of(&[0x21, 0x21, 0x21, 0x20]);
    let mut header = [SIGNATURE, &[command, family], &(length as u16).to_be_bytes()].concat();
    header.extend((0..length).map(|_| random.within(0..256) as u8));
    header
}
