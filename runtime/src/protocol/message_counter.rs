//! Counts the messages in a stream of length-prefixed ones, without keeping any of it.

use super::length_prefixed::HEADER;

/// The number of messages of one direction of a call, and their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageCount {
    /// How many messages there were, with the one that was cut short if the call was.
    pub messages: u64,
    /// Their encoded size in bytes, as far as they have passed: compressed if they were, and without framing. Zero for
    /// messages that are passed without a codec, in process.
    pub bytes: u64,
}

/// Reads the headers of messages that pass in chunks.
#[derive(Debug, Default)]
pub(crate) struct MessageCounter {
    header: [u8; HEADER],
    /// How much of the header is here.
    filled: usize,
    /// How much of the message is still to come.
    remaining: usize,
    count: MessageCount,
}

impl MessageCounter {
    pub(crate) fn push(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            if self.remaining > 0 {
                let skipped = self.remaining.min(data.len());
                self.remaining -= skipped;
                self.count.bytes += skipped as u64;
                data = &data[skipped..];
                continue;
            }
            let read = (HEADER - self.filled).min(data.len());
            self.header[self.filled..self.filled + read].copy_from_slice(&data[..read]);
            self.filled += read;
            data = &data[read..];
            if self.filled == HEADER {
                let [_, length @ ..] = self.header;
                self.begin(u32::from_be_bytes(length));
            }
        }
    }

    /// A message without a codec.
    pub(crate) fn push_message(&mut self) {
        self.count.messages += 1;
    }

    pub(crate) fn count(&self) -> MessageCount {
        self.count
    }

    fn begin(&mut self, length: u32) {
        self.filled = 0;
        self.remaining = length as usize;
        self.count.messages += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_wherever_their_frames_are_cut() {
        let encoded =
            [&[0, 0, 0, 0, 3][..], b"abc", &[0, 0, 0, 0, 0], &[1, 0, 0, 0, 1], b"d"].concat();
        for size in 1..=encoded.len() {
            let mut counter = MessageCounter::default();
            encoded.chunks(size).for_each(|chunk| counter.push(chunk));
            assert_eq!(counter.count(), MessageCount { messages: 3, bytes: 4 }, "chunks of {size}");
        }
    }

    #[test]
    fn what_a_message_only_says_of_its_size_is_not_counted() {
        let mut counter = MessageCounter::default();
        counter.push(&[0, 255, 255, 255, 255, 1, 2]);
        assert_eq!(counter.count(), MessageCount { messages: 1, bytes: 2 });
    }
}
