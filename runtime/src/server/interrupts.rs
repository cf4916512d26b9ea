//! The signals by which the process is asked to end, such as SIGTERM and Ctrl-C.

use std::future::{Future, pending};

use tokio::sync::watch;

#[cfg(feature = "signal")]
use self::listening::listen;
#[cfg(feature = "signal")]
use super::error::ServeError;

/// How often the process has been asked to end.
pub(super) struct Interrupts {
    /// None if nobody listens.
    count: Option<watch::Receiver<usize>>,
}

impl Interrupts {
    /// Leaves the signals alone.
    pub(super) fn ignored() -> Self {
        Self { count: None }
    }

    /// Listens for signals from now on.
    #[cfg(feature = "signal")]
    pub(super) fn listen() -> Result<Self, ServeError> {
        let count = listen().map_err(|source| ServeError::Signal { source })?;
        Ok(Self { count: Some(count) })
    }

    #[cfg(test)]
    pub(super) fn counted_by(count: watch::Receiver<usize>) -> Self {
        Self { count: Some(count) }
    }

    /// Waits until there have been `count` signals.
    pub(super) fn reach(&self, count: usize) -> impl Future<Output = ()> + use<> {
        let counted = self.count.clone();
        async move {
            if let Some(mut counted) = counted
                && counted.wait_for(|it| *it >= count).await.is_ok()
            {
                return;
            }
            // There will be no more of them.
            pending::<()>().await;
        }
    }
}

#[cfg(feature = "signal")]
mod listening {
    use std::{
        future::poll_fn,
        io,
        panic::{AssertUnwindSafe, catch_unwind},
        pin::pin,
        task::Poll,
    };

    #[cfg(unix)]
    use tokio::signal::unix::{Signal, SignalKind, signal};
    #[cfg(windows)]
    use tokio::signal::windows::{
        CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
    };
    use tokio::sync::watch;

    use crate::h2::server::run_until;

    /// Counts signals until nobody asks for their number any more.
    pub(super) fn listen() -> io::Result<watch::Receiver<usize>> {
        // tokio offers no way to ask whether its runtime can do this; it panics if not.
        let signals = catch_unwind(AssertUnwindSafe(Signals::register)).unwrap_or_else(|_| {
            Err(io::Error::other(
                "the tokio runtime here has no I/O: build it with `enable_io` or `enable_all`",
            ))
        });
        let (mut signals, (count, counted)) = (signals?, watch::channel(0));
        tokio::spawn(async move {
            let mut unheard = pin!(count.closed());
            while run_until(unheard.as_mut(), signals.next()).await.is_some() {
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(counted)
    }

    /// What service managers, orchestrators and people at a terminal send.
    #[cfg(unix)]
    struct Signals {
        terminate: Signal,
        interrupt: Signal,
    }

    #[cfg(unix)]
    impl Signals {
        fn register() -> io::Result<Self> {
            let terminate = signal(SignalKind::terminate())?;
            let interrupt = signal(SignalKind::interrupt())?;
            Ok(Self { terminate, interrupt })
        }

        async fn next(&mut self) {
            poll_fn(|cx| match self.terminate.poll_recv(cx) {
                Poll::Pending => self.interrupt.poll_recv(cx),
                received => received,
            })
            .await;
        }
    }

    /// What consoles, container runtimes and the system send.
    #[cfg(windows)]
    struct Signals {
        ctrl_c: CtrlC,
        ctrl_break: CtrlBreak,
        ctrl_close: CtrlClose,
        ctrl_shutdown: CtrlShutdown,
    }

    #[cfg(windows)]
    impl Signals {
        fn register() -> io::Result<Self> {
            Ok(Self {
                ctrl_c: ctrl_c()?,
                ctrl_break: ctrl_break()?,
                ctrl_close: ctrl_close()?,
                ctrl_shutdown: ctrl_shutdown()?,
            })
        }

        async fn next(&mut self) {
            poll_fn(|cx| {
                let received = [
                    self.ctrl_c.poll_recv(cx),
                    self.ctrl_break.poll_recv(cx),
                    self.ctrl_close.poll_recv(cx),
                    self.ctrl_shutdown.poll_recv(cx),
                ];
                match received.iter().any(Poll::is_ready) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
        }
    }
}
