//! [`ToStatus`]: errors of any kind as statuses, with `?`.

use std::error::Error;

use tonic::{Code, Status};

/// Turns errors into statuses with a code of your choice, for `?` in handlers.
///
/// The error becomes the [source](Error::source) of the status. A server writes it to its log, and no client gets to
/// see it: what clients get is the code, and a message that says nothing of the error.
///
/// ```
/// use std::fs;
///
/// use rust_scaffold::{Code, Status, ToStatus as _};
///
/// fn order(id: u32) -> Result<String, Status> {
///     let path = format!("/var/lib/orders/{id}");
///     fs::read_to_string(path).status_with(Code::NotFound, "there is no such order")
/// }
///
/// let status = order(7).unwrap_err();
/// assert_eq!(status.code(), Code::NotFound);
/// assert_eq!(status.message(), "there is no such order");
/// ```
///
/// It is there for whatever can be turned into a `Box<dyn Error + Send + Sync>`: `io::Error`, the errors of
/// `thiserror`, `anyhow::Error`, such a box itself, and texts. A `Box<dyn Error>` that is not `Send` cannot be logged
/// by another thread, and is not among them.
///
/// A [`Status`], such as that of a call to another service, becomes a source like any other error: its message, its
/// details and its metadata stay here. To pass it on as it is, write `?` alone.
///
/// # The log
/// A call that ends with a status that has a source is one `tracing` event on the server, whatever the kind of call and
/// the transport, with the `method`, the `code`, and the source and the sources of that as `error`. The level is
/// `error` for `Unknown`, `Internal` and `DataLoss`; `warn` for `Unavailable`, `DeadlineExceeded` and `Unimplemented`,
/// which are the server's failures, too; `debug` for the other codes, with which a server does what it should.
pub trait ToStatus<T> {
    /// The value, or a status with this `code` and the [description](Code::description) of the code as its message.
    ///
    /// # Errors
    /// The status. `Code::Ok` is not one of a failure, and becomes `Unknown`.
    fn status(self, code: Code) -> Result<T, Status>;

    /// The value, or a status with this `code` and `message`, which the client gets.
    ///
    /// # Errors
    /// The status. `Code::Ok` is not one of a failure, and becomes `Unknown`.
    fn status_with(self, code: Code, message: impl Into<String>) -> Result<T, Status>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> ToStatus<T> for Result<T, E> {
    fn status(self, code: Code) -> Result<T, Status> {
        self.map_err(|error| caused_by(new(code), error.into()))
    }

    fn status_with(self, code: Code, message: impl Into<String>) -> Result<T, Status> {
        self.map_err(|error| caused_by(Status::new(of_failure(code), message), error.into()))
    }
}

/// `None` becomes a status without a source, of which there is nothing to log.
impl<T> ToStatus<T> for Option<T> {
    fn status(self, code: Code) -> Result<T, Status> {
        self.ok_or_else(|| new(code))
    }

    fn status_with(self, code: Code, message: impl Into<String>) -> Result<T, Status> {
        self.ok_or_else(|| Status::new(of_failure(code), message))
    }
}

fn new(code: Code) -> Status {
    let code = of_failure(code);
    Status::new(code, code.description())
}

fn of_failure(code: Code) -> Code {
    match code {
        Code::Ok => Code::Unknown,
        code => code,
    }
}

fn caused_by(mut status: Status, cause: Box<dyn Error + Send + Sync>) -> Status {
    status.set_source(cause.into());
    status
}
