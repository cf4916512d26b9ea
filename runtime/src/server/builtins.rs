//! The services that a server brings along itself, such as that of its health.

// Without the features that have some, there are none.
#![cfg_attr(
    not(any(feature = "admin", feature = "explorer", feature = "health", feature = "reflection")),
    allow(dead_code)
)]

use std::{fmt, sync::Arc};

use super::{
    observer::Observers, observer::ServerObserver, pages::Pages, registered::RegisteredService,
    routes::RouteTable, shutdown_limit::ShutdownLimit,
};

/// Services that answer for one server, and what tells them of it.
pub(crate) struct BuiltinServices {
    pub(crate) services: Vec<Arc<RegisteredService>>,
    pub(crate) pages: Option<Pages>,
    pub(crate) observer: Arc<dyn ServerObserver>,
}

/// Makes them for a server that is complete. Until then, it may be cloned, and each clone get services of its own.
pub(crate) type MakeBuiltins = Arc<dyn Fn() -> BuiltinServices + Send + Sync>;

/// What makes the services that a server brings along.
#[derive(Clone, Default)]
pub(super) struct Builtins(Vec<MakeBuiltins>);

impl Builtins {
    #[cfg(any(feature = "explorer", feature = "health", feature = "reflection"))]
    pub(super) fn add(&mut self, make: MakeBuiltins) {
        self.0.push(make);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &MakeBuiltins> {
        self.0.iter()
    }
}

impl BuiltinServices {
    /// Adds the services to `routes`, and what observes the server to `observers`.
    pub(super) fn add_to(self, routes: &mut RouteTable, observers: &mut Observers) {
        let limit = ShutdownLimit::new();
        for mut service in self.services {
            Arc::make_mut(&mut service).interceptors.push(limit.clone());
            routes.add(service);
        }
        if let Some(pages) = self.pages {
            routes.add_pages(pages);
        }
        observers.add(self.observer);
        observers.add(Arc::new(limit));
    }
}

impl fmt::Debug for Builtins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Builtins").field(&self.0.len()).finish()
    }
}
