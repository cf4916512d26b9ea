//! Changes to bytes.

use crate::random::Random;

pub(crate) fn change_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.within(0..bytes.len());
    match random.within(0..5) {
        0 => bytes[at] ^= 1 << random.within(0..8),
        1 => bytes[at] = random.one_of(&[0, 1, 0x7f, 0x80, 0xff]),
        2 => bytes.truncate(at),
        3 => {
            bytes.remove(at);
        }
        _ => {
            let end = at + random.within(0..(bytes.len() - at).min(64) + 1);
            let slice = bytes[at..end].to_vec();
            let to = random.within(0..bytes.len());
            bytes.splice(to..to, slice);
        }
    }
}

/// Replaces some of `text` by one of the `pieces`.
pub(crate) fn change_text(text: &mut String, pieces: &[&str], random: &mut Random) {
    let mut places = text.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
    places.push(text.len());
    let at = random.within(0..places.len());
    let end = (at + random.within(0..6)).min(places.len() - 1);
    text.replace_range(places[at]..places[end], random.one_of(pieces));
}
