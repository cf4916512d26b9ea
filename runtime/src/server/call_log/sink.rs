//! Where lines go: through a queue, to a thread that writes them.

use std::{
    fmt,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::call::panics::catch_panic;

/// How many lines may wait to be written.
const QUEUE: usize = 8192;
/// How many bytes are written at a time, and the rest of a line.
const BATCH: usize = 64 * 1024;
/// How long lines are gathered after others, so that the thread is not woken for each of them.
const GATHERING: Duration = Duration::from_millis(5);
/// How long is waited for lines to be written, at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Takes lines. Never waits for whoever reads them: a line for which there is no room is counted instead.
#[derive(Clone)]
pub(super) struct LogSink {
    queue: SyncSender<Queued>,
    /// How many lines were lost, and no line has said so yet.
    lost: Arc<AtomicU64>,
}

enum Queued {
    Line {
        text: String,
        /// How many lines it stands for, itself or others that were lost.
        weight: u64,
    },
    /// Everything before it is to be written, and what `explain` makes of the number of lines that were lost, if there
    /// are any; then, `done` is told.
    Flush { explain: Box<dyn FnOnce(u64) -> String + Send>, done: Sender<()> },
}

impl LogSink {
    /// A sink whose lines go to `writer`, which belongs to a thread until all clones of the sink are gone.
    pub(super) fn new(writer: impl Write + Send + 'static) -> Self {
        let (queue, queued) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let mut writing = Writing {
            writer,
            lost: Arc::clone(&lost),
            batch: Vec::new(),
            weights: Vec::new(),
            is_cut: false,
        };
        let thread = thread::Builder::new().name("call-log".into());
        if let Err(error) = thread.spawn(move || writing.run(&queued)) {
            tracing::error!(%error, "calls are not logged: there is no thread for it");
        }
        Self { queue, lost }
    }

    /// Writes `line`, after what `explain` makes of the number of lines that were lost, if there are any.
    pub(super) fn write(&self, line: String, explain: impl FnOnce(u64) -> String) {
        // Most of the time, there is nothing to take.
        if self.lost.load(Ordering::Relaxed) > 0 {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            self.queue(explain(lost), lost);
        }
        self.queue(line, 1);
    }

    fn queue(&self, text: String, weight: u64) {
        if self.queue.try_send(Queued::Line { text, weight }).is_err() {
            self.lost.fetch_add(weight, Ordering::Relaxed);
        }
    }

    /// Waits until what was written before is with the writer, and what `explain` makes of the number of lines that
    /// were lost, if there are any; a second at most.
    pub(super) fn flush(&self, explain: impl FnOnce(u64) -> String + Send + 'static) {
        let (done, flushed) = channel();
        let deadline = Instant::now() + FLUSH_TIMEOUT;
        let mut message = Queued::Flush { explain: Box::new(explain), done };
        while let Err(TrySendError::Full(rejected)) = self.queue.try_send(message) {
            if Instant::now() > deadline {
                return;
            }
            message = rejected;
            thread::sleep(Duration::from_millis(5));
        }
        // Fails if it takes too long, or the thread is gone.
        let _ = flushed.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSink").field("lost", &self.lost).finish_non_exhaustive()
    }
}

/// The thread's half of a sink.
struct Writing<W> {
    writer: W,
    lost: Arc<AtomicU64>,
    batch: Vec<u8>,
    /// How many lines each line of the batch stands for.
    weights: Vec<u64>,
    /// Whether the last line that was written is not whole.
    is_cut: bool,
}

impl<W: Write> Writing<W> {
    fn run(&mut self, queue: &Receiver<Queued>) {
        while let Ok(first) = queue.recv() {
            let mut next = Some(first);
            let mut flush = None;
            while let Some(queued) = next {
                match queued {
                    Queued::Line { text, weight } => self.push(&text, weight),
                    Queued::Flush { explain, done } => flush = Some((explain, done)),
                }
                let goes_on = flush.is_none() && self.batch.len() < BATCH;
                next = if goes_on { queue.try_recv().ok() } else { None };
            }
            let is_drained = self.batch.len() < BATCH;
            self.write();
            let Some((explain, done)) = flush else {
                if is_drained {
                    thread::sleep(GATHERING);
                }
                continue;
            };
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                self.push(&explain(lost), lost);
                self.write();
            }
            // Whoever asked may have given up.
            let _ = done.send(());
        }
    }

    fn push(&mut self, line: &str, weight: u64) {
        self.batch.extend_from_slice(line.as_bytes());
        self.weights.push(weight);
    }

    fn write(&mut self) {
        let was_cut = std::mem::take(&mut self.is_cut);
        if was_cut {
            self.batch.insert(0, b'\n');
        }
        let (writer, batch, mut written) = (&mut self.writer, &self.batch[..], 0);
        let all = catch_panic(|| write_all(writer, batch, &mut written));
        if !matches!(all, Ok(Ok(()))) {
            let (begin, rest) = batch.split_at(written);
            let whole = match rest {
                // Whoever could not flush it has lost all of it.
                [] => 0,
                _ => begin.iter().filter(|byte| **byte == b'\n').count(),
            };
            // The first of them ends what was cut.
            let whole = if was_cut { whole.saturating_sub(1) } else { whole };
            let lost = self.weights.iter().skip(whole).sum();
            self.lost.fetch_add(lost, Ordering::Relaxed);
            let last = batch[..written].last();
            self.is_cut = !rest.is_empty() && last.map_or(was_cut, |last| *last != b'\n');
        }
        self.batch.clear();
        self.weights.clear();
    }
}

/// Like [`Write::write_all`], but says how much was `written` before an error.
fn write_all(writer: &mut impl Write, batch: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < batch.len() {
        match writer.write(&batch[*written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(bytes) => *written += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    /// Says when it is asked to write, and waits to be told whether that fails.
    struct Slow {
        asked: Sender<()>,
        answers: Receiver<io::Result<()>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.asked.send(()).unwrap();
            self.answers.recv().unwrap()?;
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a test does to a sink with a slow writer.
    struct Test {
        sink: LogSink,
        asked: Receiver<()>,
        answer: Sender<io::Result<()>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Test {
        fn new() -> Self {
            let ((asking, asked), (answer, answers)) = (mpsc::channel(), mpsc::channel());
            let written = Arc::<Mutex<Vec<u8>>>::default();
            let writer = Slow { asked: asking, answers, written: Arc::clone(&written) };
            Self { sink: LogSink::new(writer), asked, answer, written }
        }

        fn write(&self, line: &str) {
            self.sink.write(format!("{line}\n"), |lost| format!("{lost} lost\n"));
        }

        fn written(&self) -> String {
            self.sink.flush(|lost| format!("{lost} lost\n"));
            String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn a_writer_that_is_stuck_holds_up_nobody_and_what_is_lost_is_counted() {
        let test = Test::new();
        test.write("first");
        test.asked.recv().unwrap();
        (0..QUEUE + 5).for_each(|line| test.write(&line.to_string()));
        // More than there are to be written.
        (0..100).for_each(|_| test.answer.send(Ok(())).unwrap());
        let written = test.written();
        assert!(written.starts_with("first\n0\n1\n"));
        assert!(written.ends_with(&format!("\n{}\n5 lost\n", QUEUE - 1)));
        assert_eq!(written.lines().count(), 1 + QUEUE + 1);
        test.write("last");
        assert!(test.written().ends_with("\n5 lost\nlast\n"));
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let test = Test::new();
        for _ in 0..2 {
            test.answer.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        }
        test.write("not written");
        assert_eq!(test.written(), "");
        test.answer.send(Ok(())).unwrap();
        assert_eq!(test.written(), "1 lost\n");
        test.answer.send(Ok(())).unwrap();
        test.write("written");
        assert_eq!(test.written(), "1 lost\nwritten\n");
    }

    /// Has room for so many bytes, until it is given more.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (written, room) = &mut *self.0.lock().unwrap();
            let fits = bytes.len().min(*room);
            *room -= fits;
            written.extend_from_slice(&bytes[..fits]);
            match fits {
                0 => Err(io::ErrorKind::StorageFull.into()),
                _ => Ok(fits),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_was_cut_is_lost_and_spoils_no_other() {
        let disk = Disk::default();
        disk.0.lock().unwrap().1 = 9;
        let sink = LogSink::new(disk.clone());
        let write = |line: &str| {
            sink.write(format!("{line}\n"), |lost| format!("{lost} lost\n"));
            sink.flush(|lost| format!("{lost} lost\n"));
        };
        write("first");
        write("second");
        // Room for the rest of a line, but for no other.
        disk.0.lock().unwrap().1 = 3;
        write("third");
        disk.0.lock().unwrap().1 = 100;
        write("fourth");
        let written = String::from_utf8(disk.0.lock().unwrap().0.clone()).unwrap();
        assert_eq!(written, "first\nsec\n1 \n2 lost\nfourth\n");
    }
}
