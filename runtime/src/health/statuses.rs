//! What is known of the health of each service, at one time.

use std::collections::BTreeMap;

/// Whether a service can handle calls, as [`HealthReporter::set_status`](crate::HealthReporter::set_status) takes
/// it.
///
/// See [the health checking protocol](https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthStatus {
    /// It can handle calls.
    Serving,
    /// It cannot handle calls.
    NotServing,
    /// Whether it can is not known yet. Clients take it for `NotServing`.
    Unknown,
}

/// The status of each service that has one.
#[derive(Clone, Debug, Default)]
pub(super) struct Statuses {
    by_service: BTreeMap<String, HealthStatus>,
    /// Whether shutdown has begun. It stays so, whatever is set afterwards.
    pub(super) is_shut_down: bool,
}

impl Statuses {
    /// None if the service is unknown.
    pub(super) fn get(&self, service: &str) -> Option<HealthStatus> {
        let status = self.by_service.get(service).copied();
        status.map(|status| if self.is_shut_down { HealthStatus::NotServing } else { status })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, HealthStatus)> {
        let services = self.by_service.keys();
        services.filter_map(|service| Some((service.as_str(), self.get(service)?)))
    }

    pub(super) fn len(&self) -> usize {
        self.by_service.len()
    }

    /// Whether this has changed anything.
    pub(super) fn set(&mut self, service: &str, status: HealthStatus) -> bool {
        match self.by_service.get_mut(service) {
            Some(known) => std::mem::replace(known, status) != status,
            None => self.by_service.insert(service.to_owned(), status).is_none(),
        }
    }

    /// Sets the status of a service that has none.
    pub(super) fn set_default(&mut self, service: &str, status: HealthStatus) {
        if !self.by_service.contains_key(service) {
            self.set(service, status);
        }
    }

    /// Whether this has changed anything.
    pub(super) fn clear(&mut self, service: &str) -> bool {
        self.by_service.remove(service).is_some()
    }
}
