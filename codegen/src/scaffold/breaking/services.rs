//! What breaks when services and their methods change.

use std::collections::BTreeSet;

use super::{
    compare::{Class, Comparison, Rule, Side},
    messages::shown,
    rust::METHOD_ADDED,
};
use crate::model::{HttpRule, Idempotency, Kind, Method, Service};

const SERVICE: Rule = (
    Class::Grpc,
    "PACKAGE_SERVICE_NO_DELETE",
    "keep the service, marked as deprecated, as long as somebody calls it",
);
const METHOD: Rule = (
    Class::Grpc,
    "RPC_NO_DELETE",
    "keep the rpc, marked as deprecated, as long as somebody calls it",
);
const REQUEST: Rule = (Class::Grpc, "RPC_SAME_REQUEST_TYPE", "add an rpc, and deprecate this one");
const RESPONSE: Rule =
    (Class::Grpc, "RPC_SAME_RESPONSE_TYPE", "add an rpc, and deprecate this one");
const CLIENT_STREAMING: Rule =
    (Class::Grpc, "RPC_SAME_CLIENT_STREAMING", "add an rpc, and deprecate this one");
const SERVER_STREAMING: Rule =
    (Class::Grpc, "RPC_SAME_SERVER_STREAMING", "add an rpc, and deprecate this one");
const IDEMPOTENCY: Rule = (
    Class::Grpc,
    "RPC_SAME_IDEMPOTENCY_LEVEL",
    "keep the level: clients retry calls, or make them by GET, because of it",
);
const HTTP_RULE: Rule =
    (Class::Grpc, "RPC_SAME_HTTP_RULE", "keep the old rule among the `additional_bindings`");

impl<'a> Comparison<'a> {
    pub(super) fn service(&mut self, then: &'a Service, now: Option<&'a Service>) {
        self.about(&*then.full_name);
        let Some(now) = now else {
            let what = format!("service `{}` is gone", then.full_name);
            return self.push(SERVICE, Side::Then(then.location.clone()), what);
        };
        for method in &then.methods {
            self.about(&method.path[1..]);
            match now.methods.iter().find(|other| other.name == method.name) {
                Some(other) => self.method(method, other),
                None => {
                    let what = format!("rpc `{}` is gone", &method.path[1..]);
                    self.push(METHOD, Side::Now(now.location.clone()), what);
                }
            }
        }
        self.rust_service(then, now);
        for method in &now.methods {
            if then.methods.iter().all(|other| other.name != method.name) {
                self.about(&method.path[1..]);
                let what =
                    format!("rpc `{}` is new, and implementations lack it", &method.path[1..]);
                self.push(METHOD_ADDED, Side::Now(method.location.clone()), what);
            }
        }
    }

    fn method(&mut self, then: &'a Method, now: &'a Method) {
        let count = self.count();
        let changed = |this: &mut Self, rule: Rule, what: &str, (was, is): (&str, &str)| {
            let text = format!("{what} of rpc `{}` was {was}, and is {is}", &then.path[1..]);
            this.push(rule, Side::Now(now.location.clone()), text);
        };
        for (rule, what, was, is) in [
            (REQUEST, "the request", &then.input, &now.input),
            (RESPONSE, "the response", &then.output, &now.output),
        ] {
            if !self.is_equal(was, is) {
                let names = [was, is].map(|name| format!("`{}`", shown(name)));
                changed(self, rule, what, (&names[0], &names[1]));
            }
        }
        for (rule, what, streams) in [
            (CLIENT_STREAMING, "the request", Kind::streams_requests as fn(Kind) -> bool),
            (SERVER_STREAMING, "the response", Kind::streams_responses),
        ] {
            let word = |kind| if streams(kind) { "a stream" } else { "one message" };
            if streams(then.kind) != streams(now.kind) {
                changed(self, rule, what, (word(then.kind), word(now.kind)));
            }
        }
        if self.count() == count {
            self.rust_method(then, now);
        }
        if then.idempotency != now.idempotency {
            let levels = (level(then.idempotency), level(now.idempotency));
            changed(self, IDEMPOTENCY, "the idempotency level", levels);
        }
        let now_bound = bindings(now.http.as_ref());
        for gone in bindings(then.http.as_ref()).difference(&now_bound) {
            let place = now.http.as_ref().map_or(&now.location, |rule| &rule.location);
            let what = format!("rpc `{}` is not bound to {gone} any more", &then.path[1..]);
            self.push(HTTP_RULE, Side::Now(place.clone()), what);
        }
    }
}

fn level(level: Option<Idempotency>) -> &'static str {
    match level {
        None => "`IDEMPOTENCY_UNKNOWN`",
        Some(Idempotency::NoSideEffects) => "`NO_SIDE_EFFECTS`",
        Some(Idempotency::Idempotent) => "`IDEMPOTENT`",
    }
}

/// The requests that a rule leads to the method, each as text that says all of it.
fn bindings(rule: Option<&HttpRule>) -> BTreeSet<String> {
    let rules = rule.into_iter().flat_map(|rule| [rule].into_iter().chain(&rule.additional));
    let text = |rule: &HttpRule| {
        let pattern = rule.pattern.as_ref()?;
        let mut text = format!("`{} {}`", pattern.method, pattern.template);
        for (name, value) in [("body", &rule.body), ("response body", &rule.response_body)] {
            if !value.is_empty() {
                text += &format!(" with the {name} `{value}`");
            }
        }
        Some(text)
    };
    rules.filter_map(text).collect()
}
