//! The limits of each method, made of all that is set.

use std::{collections::HashMap, sync::Arc};

use super::{
    adaptive::AdaptiveServer,
    admission::{CallLimits, ConcurrencyLimit},
    options::{LimitOptions, Limits, WHOLE_SERVICE},
};
use crate::{
    call::{
        deadline::FOREVER,
        method::{MethodDescriptor, MethodKind},
    },
    server::error::ServeError,
};

/// A service of a server whose calls are limited.
pub(crate) struct LimitedService {
    pub(crate) name: &'static str,
    /// None if another library has generated it.
    pub(crate) methods: Option<&'static [MethodDescriptor]>,
}

/// The limits of a server's methods.
pub(super) struct LimitTable(HashMap<&'static str, ServiceLimits>);

/// The limits of a service.
#[derive(Default)]
struct ServiceLimits {
    /// By the name of the method.
    methods: HashMap<String, CallLimits>,
    /// Those of a service whose methods are not known.
    others: Option<CallLimits>,
}

impl LimitTable {
    pub(super) fn resolve(
        services: &[LimitedService],
        options: &LimitOptions,
    ) -> Result<Self, ServeError> {
        options.check()?;
        options.by_path.iter().try_for_each(|(path, limits)| check_path(services, path, limits))?;
        let mut resolver = LimitResolver::new(services, options);
        let limits = services.iter().map(|service| (service.name, resolver.service(service)));
        Ok(Self(limits.collect()))
    }

    /// The limits of the method with this path. None if there are none.
    pub(super) fn of(&self, path: &str) -> Option<&CallLimits> {
        let (service, method) = split(path)?;
        let service = self.0.get(service)?;
        let limits = service.methods.get(method).or(service.others.as_ref());
        limits.filter(|limits| !limits.is_empty())
    }
}

/// The service and the method that `path` names.
fn split(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix('/')?.split_once('/')
}

/// Refuses limits that nothing would ever keep.
fn check_path(services: &[LimitedService], path: &str, limits: &Limits) -> Result<(), ServeError> {
    let invalid = |reason: String| ServeError::InvalidOption { option: "limits_by_path", reason };
    let Some((service, method)) = split(path) else {
        return Err(invalid(format!(
            "has limits for `{path}`, which is not a path: write `/package.Service/Method`, or \
             `/package.Service/*` for a service"
        )));
    };
    let Some(known) = services.iter().find(|known| known.name == service) else {
        let names: Vec<_> = services.iter().map(|service| service.name).collect();
        return Err(invalid(format!(
            "has limits for {path}, but the server has no service {service}: it has {}",
            list(&names)
        )));
    };
    match known.methods {
        Some(methods)
            if method != WHOLE_SERVICE && !methods.iter().any(|known| known.path == path) =>
        {
            let names: Vec<_> = methods.iter().map(MethodDescriptor::name).collect();
            Err(invalid(format!(
                "has limits for {path}, but {service} has no method {method}: it has {}",
                list(&names)
            )))
        }
        None if limits.limits_messages() => Err(invalid(format!(
            "limits the size of messages for {path}, which another library decodes: set the limit there"
        ))),
        _ => Ok(()),
    }
}

fn list(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

/// Makes the limits of methods; those that share a limit get the same one.
struct LimitResolver<'a> {
    options: &'a LimitOptions,
    server: Option<Arc<ConcurrencyLimit>>,
    adaptive: Option<Arc<AdaptiveServer>>,
    /// How many methods the adaptive limit knows.
    adapted: usize,
}

/// What holds for all methods of a service.
struct Shared<'a> {
    limits: Option<&'a Limits>,
    concurrency: Option<Arc<ConcurrencyLimit>>,
}

impl<'a> LimitResolver<'a> {
    fn new(services: &[LimitedService], options: &'a LimitOptions) -> Self {
        let methods = services.iter().filter_map(|service| service.methods).flatten();
        let unary = methods.filter(|method| is_unary(method)).count();
        let adaptive = options.adaptive.map(|limit| Arc::new(AdaptiveServer::new(limit, unary)));
        let server = concurrency_limit(Some(&options.server), || "the server".to_owned());
        Self { options, server, adaptive, adapted: 0 }
    }

    fn service(&mut self, service: &LimitedService) -> ServiceLimits {
        let name = service.name;
        let limits = self.options.of_service(name);
        let concurrency = concurrency_limit(limits, || format!("the service {name}"));
        let shared = Shared { limits, concurrency };
        match service.methods {
            Some(methods) => self.generated(methods, &shared),
            None => self.foreign(name, &shared),
        }
    }

    fn generated(
        &mut self,
        methods: &'static [MethodDescriptor],
        service: &Shared<'_>,
    ) -> ServiceLimits {
        let mut limits = ServiceLimits::default();
        for method in methods {
            let mut call = self.call(service, self.options.by_path.get(method.path), method.path);
            if let Some(server) = self.adaptive.as_ref().filter(|_| is_unary(method)) {
                call.adaptive = Some(server.limiter(self.adapted));
                self.adapted += 1;
            }
            limits.methods.insert(method.name().to_owned(), call);
        }
        limits
    }

    fn foreign(&self, name: &str, service: &Shared<'_>) -> ServiceLimits {
        let call = |own, path: &str| CallLimits {
            enforces_deadline: true,
            ..self.call(service, own, path)
        };
        let mut limits = ServiceLimits { others: Some(call(None, name)), ..Default::default() };
        for (path, own) in &self.options.by_path {
            if let Some((of, method)) = split(path)
                && of == name
                && method != WHOLE_SERVICE
            {
                limits.methods.insert(method.to_owned(), call(Some(own), path));
            }
        }
        limits
    }

    fn call(&self, service: &Shared<'_>, own: Option<&Limits>, path: &str) -> CallLimits {
        let concurrency = [
            concurrency_limit(own, || format!("the method {path}")),
            service.concurrency.clone(),
            self.server.clone(),
        ];
        let levels = [own, service.limits, Some(&self.options.server)];
        CallLimits {
            timeout: levels
                .into_iter()
                .flatten()
                .find_map(|it| it.timeout)
                .map(|it| it.min(FOREVER)),
            concurrency: concurrency.into_iter().flatten().collect(),
            ..CallLimits::default()
        }
    }
}

fn concurrency_limit(
    limits: Option<&Limits>,
    name: impl FnOnce() -> String,
) -> Option<Arc<ConcurrencyLimit>> {
    let limit = limits?.max_concurrent_calls?;
    Some(Arc::new(ConcurrencyLimit::new(limit, name())))
}

fn is_unary(method: &MethodDescriptor) -> bool {
    method.kind == MethodKind::Unary
}
