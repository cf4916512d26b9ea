//! Where logs are written in tests.

use std::{
    io,
    sync::{Arc, Mutex},
};

/// What was logged.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Everything, if it is as many lines.
    pub(crate) fn take(&self, lines: usize) -> Option<String> {
        let mut written = self.0.lock().unwrap();
        let is_enough = written.iter().filter(|byte| **byte == b'\n').count() >= lines;
        is_enough.then(|| String::from_utf8(std::mem::take(&mut *written)).unwrap())
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
