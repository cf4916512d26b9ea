//! Counts the HTTP/2 frames that a connection receives, which the `h2` crate does not tell of.

/// The length of what a client sends before its first frame ([RFC
/// 9113](https://www.rfc-editor.org/rfc/rfc9113#section-3.4)).
const CLIENT_PREFACE: usize = 24;
/// The length of a frame's header ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113#section-4.1)).
const HEADER: usize = 9;

/// How many frames there were in bytes that come in pieces of any size.
#[derive(Debug)]
pub(crate) struct FrameCounter {
    /// How many bytes of the current frame, or of the preface, are still to come.
    rest: usize,
    header: [u8; HEADER],
    /// How much there is of a header.
    filled: usize,
    frames: u64,
}

impl FrameCounter {
    /// For what a client sends.
    pub(crate) fn of_client() -> Self {
        Self { rest: CLIENT_PREFACE, ..Self::of_server() }
    }

    /// For what a server sends.
    pub(crate) fn of_server() -> Self {
        Self { rest: 0, header: [0; HEADER], filled: 0, frames: 0 }
    }

    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// Goes on with `bytes`.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.rest.min(bytes.len());
            self.rest -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEADER - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEADER {
                self.filled = 0;
                self.frames += 1;
                let [high, middle, low, ..] = self.header;
                self.rest = u32::from_be_bytes([0, high, middle, low]) as usize;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, 0, 0, 0, 0, 0, 1];
        frame.extend(vec![9; length.into()]);
        frame
    }

    #[test]
    fn frames_are_counted_in_whichever_pieces_they_come() {
        let bytes = [vec![b'P'; CLIENT_PREFACE], frame(0), frame(200), frame(1), frame(7)].concat();
        for size in 1..bytes.len() {
            let mut counter = FrameCounter::of_client();
            bytes.chunks(size).for_each(|piece| counter.read(piece));
            assert_eq!(counter.frames(), 4, "pieces of {size} bytes");
        }
    }
}
