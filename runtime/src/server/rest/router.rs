//! Which binding a request leads to, by its method and its path.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use http::Method;
use percent_encoding::percent_decode_str;

use super::template::{PathTemplate, Segment, Variable};

/// Templates as a tree of their segments, with something for each of them.
///
/// Several may match a path: segment by segment, a literal comes before `*`, and `*` before `**`.
#[derive(Debug)]
pub(super) struct PathRouter<T> {
    root: PathNode,
    routes: Vec<Route<T>>,
}

#[derive(Debug)]
struct Route<T> {
    /// None for all methods.
    method: Option<Method>,
    template: PathTemplate,
    target: T,
}

/// What the segments so far may be followed by. Routes are told by their positions.
#[derive(Debug, Default)]
struct PathNode {
    literals: HashMap<String, PathNode>,
    any: Option<Box<PathNode>>,
    /// What follows `**`, which is once in a template.
    rest: Option<Box<PathNode>>,
    /// Routes that end here.
    ends: Vec<usize>,
}

/// What a request leads to.
#[derive(Debug, PartialEq)]
pub(super) enum RouteMatch<'a, T> {
    Found(&'a T, Captures<'a>),
    /// The path is known, for these methods.
    OtherMethod(Vec<&'a Method>),
    Unknown,
}

/// The parts of a path that are fields.
#[derive(Debug, PartialEq)]
pub(super) struct Captures<'a> {
    template: &'a PathTemplate,
    segments: Vec<&'a str>,
}

impl<T> Default for PathRouter<T> {
    fn default() -> Self {
        Self { root: PathNode::default(), routes: Vec::new() }
    }
}

impl<T> PathRouter<T> {
    /// # Errors
    /// What exactly the same requests lead to already.
    pub(super) fn add(
        &mut self,
        method: Option<Method>,
        template: PathTemplate,
        target: T,
    ) -> Result<(), &T> {
        let mut node = &mut self.root;
        for segment in &template.segments {
            match segment {
                Segment::Literal(literal) => {
                    node = node.literals.entry(literal.clone()).or_default();
                }
                Segment::Any => node = node.any.get_or_insert_default(),
                Segment::Rest => node = node.rest.get_or_insert_default(),
            }
        }
        let ends = &mut node.ends;
        let route = Route { method, template, target };
        let same = ends.iter().copied().find(|other| self.routes[*other].is_same(&route));
        if let Some(same) = same {
            return Err(&self.routes[same].target);
        }
        ends.push(self.routes.len());
        self.routes.push(route);
        Ok(())
    }

    /// All routes, with their methods; None for all methods.
    pub(super) fn routes(&self) -> impl Iterator<Item = (Option<&Method>, &PathTemplate, &T)> {
        self.routes.iter().map(|route| (route.method.as_ref(), &route.template, &route.target))
    }

    pub(super) fn find<'a>(&'a self, method: &Method, path: &'a str) -> RouteMatch<'a, T> {
        let Some(path) = path.strip_prefix('/') else { return RouteMatch::Unknown };
        let mut search = Search { routes: &self.routes, method, allowed: Vec::new() };
        // What follows a colon may be a verb, or belong to the segment.
        let with_verb = path.rsplit_once(':').filter(|(_, verb)| !verb.contains('/'));
        let readings = with_verb.map(|(path, verb)| (path, Some(decoded(verb))));
        for (path, verb) in readings.into_iter().chain([(path, None)]) {
            let segments: Vec<_> = path.split('/').collect();
            if let Some(route) = search.below(&self.root, &segments, verb.as_deref()) {
                let captures = Captures { template: &route.template, segments };
                return RouteMatch::Found(&route.target, captures);
            }
        }
        match search.allowed.is_empty() {
            true => RouteMatch::Unknown,
            false => RouteMatch::OtherMethod(search.allowed),
        }
    }
}

impl<T> Route<T> {
    fn is_same(&self, other: &Self) -> bool {
        self.method == other.method && self.template.verb == other.template.verb
    }
}

/// A search for the route of a request. It visits each node once at most, however many match, and those after `**` once
/// for each segment of the path.
struct Search<'a, 'm, T> {
    routes: &'a [Route<T>],
    method: &'m Method,
    /// The methods of routes that match but for theirs.
    allowed: Vec<&'a Method>,
}

impl<'a, T> Search<'a, '_, T> {
    fn below(
        &mut self,
        node: &'a PathNode,
        segments: &[&str],
        verb: Option<&str>,
    ) -> Option<&'a Route<T>> {
        let found = match segments {
            [] => self.among(&node.ends, verb),
            [first, rest @ ..] => {
                let literal = node.literals.get(&*decoded(first));
                // An empty segment is none.
                let any = node.any.as_deref().filter(|_| !first.is_empty());
                let mut next = literal.into_iter().chain(any);
                next.find_map(|node| self.below(node, rest, verb))
            }
        };
        found.or_else(|| {
            let rest = node.rest.as_deref()?;
            // Fewest segments for `**` first: that is the template which says most about the path.
            let mut tails = (0..=segments.len()).map(|skipped| &segments[skipped..]);
            tails.find_map(|tail| self.below(rest, tail, verb))
        })
    }

    fn among(&mut self, routes: &'a [usize], verb: Option<&str>) -> Option<&'a Route<T>> {
        let routes = routes.iter().map(|position| &self.routes[*position]);
        let is_head = self.method == Method::HEAD;
        let (mut matched, mut of_get, mut of_any_method) = (None, None, None);
        for route in routes.filter(|route| route.template.verb.as_deref() == verb) {
            match &route.method {
                None => of_any_method = Some(route),
                Some(method) if method == self.method => matched = Some(route),
                // A client that asks for the head alone gets that of what it would get.
                Some(method) if is_head && method == Method::GET => of_get = Some(route),
                Some(method) => self.allowed.push(method),
            }
        }
        matched.or(of_get).or(of_any_method)
    }
}

impl<'a> Captures<'a> {
    /// The values of the template's variables, in their order.
    ///
    /// # Errors
    /// The field of one that is not UTF-8.
    pub(super) fn values(&self) -> Result<Vec<String>, &'a str> {
        let variables = self.template.variables.iter();
        variables.map(|variable| self.value(variable).ok_or(&*variable.field)).collect()
    }

    fn value(&self, variable: &Variable) -> Option<String> {
        let Range { start, end } = variable.segments;
        let segments = self.segments.get(self.position(start)..self.position(end))?.iter();
        let values = segments.map(|segment| match variable.is_multiple {
            true => decoded_but_slashes(segment),
            false => percent_decode_str(segment).decode_utf8().ok().map(Cow::into_owned),
        });
        Some(values.collect::<Option<Vec<_>>>()?.join("/"))
    }

    /// Where in the path a position in the template is. What follows `**`, of any length, is counted from the end.
    fn position(&self, in_template: usize) -> usize {
        let template = &self.template.segments;
        match template[..in_template].contains(&Segment::Rest) {
            true => (self.segments.len() + in_template) - template.len(),
            false => in_template,
        }
    }
}

fn decoded(segment: &str) -> Cow<'_, str> {
    // What is not UTF-8 is no literal.
    percent_decode_str(segment).decode_utf8_lossy()
}

/// A segment among several, in which `%2F` stays, so that it is not taken for a slash between them.
fn decoded_but_slashes(segment: &str) -> Option<String> {
    let mut value = String::with_capacity(segment.len());
    let mut rest = segment;
    let is_slash = |encoded: &[u8]| encoded.eq_ignore_ascii_case(b"%2F");
    while let Some(at) = rest.as_bytes().windows("%2F".len()).position(is_slash) {
        let (before, slash) = rest.split_at(at);
        let (slash, after) = slash.split_at("%2F".len());
        value += &percent_decode_str(before).decode_utf8().ok()?;
        value += slash;
        rest = after;
    }
    value += &percent_decode_str(rest).decode_utf8().ok()?;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[(&str, &'static str)]) -> PathRouter<&'static str> {
        let mut router = PathRouter::default();
        for (method, template) in routes {
            let parsed = PathTemplate::parse(template).unwrap();
            let method = Some(*method).filter(|method| *method != "*");
            router.add(method.map(|it| it.parse().unwrap()), parsed, *template).unwrap();
        }
        router
    }

    /// The template that a path leads to, and its variables.
    fn get<'a>(router: &PathRouter<&'a str>, path: &str) -> Option<(&'a str, String)> {
        match router.find(&Method::GET, path) {
            RouteMatch::Found(template, captures) => {
                Some((template, captures.values().unwrap().join("|")))
            }
            _ => None,
        }
    }

    #[test]
    fn the_most_literal_template_wins_segment_by_segment() {
        let router = router(&[
            ("GET", "/v1/{rest=**}"),
            ("GET", "/v1/{a}/{b}"),
            ("GET", "/v1/{a}/books"),
            ("GET", "/v1/shelves/{b}"),
            ("GET", "/v1/shelves/{b}/pages/{c}"),
        ]);
        for (path, expected) in [
            ("/v1/shelves/books", ("/v1/shelves/{b}", "books")),
            ("/v1/carts/books", ("/v1/{a}/books", "carts")),
            ("/v1/carts/7", ("/v1/{a}/{b}", "carts|7")),
            // Back from where only the beginning matches.
            ("/v1/shelves/7/covers", ("/v1/{rest=**}", "shelves/7/covers")),
            ("/v1/shelves/7/pages/9", ("/v1/shelves/{b}/pages/{c}", "7|9")),
            ("/v1/", ("/v1/{rest=**}", "")),
            ("/v1", ("/v1/{rest=**}", "")),
        ] {
            assert_eq!(get(&router, path), Some((expected.0, expected.1.into())), "{path}");
        }
        assert_eq!(get(&router, "/v2/x"), None);
        assert_eq!(get(&router, "*"), None);
    }

    #[test]
    fn segments_may_follow_a_rest() {
        let router = router(&[
            ("GET", "/v1/{parent=documents/**}/{id}"),
            ("GET", "/v1/{parent=documents/**}/{id}/pages:list"),
            ("GET", "/v1/**"),
            ("GET", "/v2/{name=**}/x"),
            ("GET", "/v2/{name=**}/y/{id}"),
        ]);
        for (path, expected) in [
            ("/v1/documents/7", ("/v1/{parent=documents/**}/{id}", "documents|7")),
            ("/v1/documents/a/b/7", ("/v1/{parent=documents/**}/{id}", "documents/a/b|7")),
            (
                "/v1/documents/a/7/pages:list",
                ("/v1/{parent=documents/**}/{id}/pages:list", "documents/a|7"),
            ),
            ("/v1/documents", ("/v1/**", "")),
            ("/v2/x", ("/v2/{name=**}/x", "")),
            ("/v2/x/x", ("/v2/{name=**}/x", "x")),
            ("/v2/a/y/x", ("/v2/{name=**}/y/{id}", "a|x")),
        ] {
            assert_eq!(get(&router, path), Some((expected.0, expected.1.into())), "{path}");
        }
        assert_eq!(get(&router, "/v2/x/z"), None);
    }

    #[test]
    fn no_segment_is_empty_but_in_a_rest() {
        let router = router(&[("GET", "/v1/{a}"), ("GET", "/v1/{a}/x")]);
        for path in ["/v1/", "/v1//", "/v1//x", "/v1/a/", "//v1/a", "/"] {
            assert_eq!(get(&router, path), None, "{path}");
        }
    }

    #[test]
    fn a_verb_comes_before_a_colon_in_a_segment() {
        let router = router(&[("GET", "/v1/{a}:cancel"), ("GET", "/v1/{a}")]);
        assert_eq!(get(&router, "/v1/7:cancel"), Some(("/v1/{a}:cancel", "7".into())));
        assert_eq!(get(&router, "/v1/7:can%63el"), Some(("/v1/{a}:cancel", "7".into())));
        assert_eq!(get(&router, "/v1/7:stop"), Some(("/v1/{a}", "7:stop".into())));
        assert_eq!(get(&router, "/v1/:cancel"), Some(("/v1/{a}", ":cancel".into())));
    }

    #[test]
    fn an_encoded_slash_is_part_of_its_segment() {
        let router =
            router(&[("GET", "/one/{a}"), ("GET", "/more/{a=x/**}"), ("GET", "/caf\u{e9}")]);
        assert_eq!(get(&router, "/one/a%2Fb%20c"), Some(("/one/{a}", "a/b c".into())));
        let more = Some(("/more/{a=x/**}", "x/a%2fb c/%2F".into()));
        assert_eq!(get(&router, "/more/x/a%2fb%20c/%2F"), more);
        let both = Some(("/more/{a=x/**}", "x/%2f%2F..%2f".into()));
        assert_eq!(get(&router, "/more/x/%2f%2F..%2f"), both);
        assert!(get(&router, "/caf%C3%A9").is_some());
        let RouteMatch::Found(_, captures) = router.find(&Method::GET, "/one/%ff") else {
            panic!()
        };
        assert_eq!(captures.values(), Err("a"));
    }

    #[test]
    fn other_methods_of_a_path_are_told() {
        let router = router(&[("POST", "/v1/{a}"), ("PUT", "/v1/{b}"), ("*", "/any")]);
        let RouteMatch::OtherMethod(methods) = router.find(&Method::GET, "/v1/x") else { panic!() };
        assert_eq!(methods, [Method::POST, Method::PUT]);
        assert!(matches!(router.find(&Method::TRACE, "/any"), RouteMatch::Found(..)));
        assert_eq!(router.find(&Method::GET, "/v2/x"), RouteMatch::Unknown);
    }

    #[test]
    fn a_head_is_that_of_a_get_unless_it_has_a_rule() {
        let router = router(&[
            ("*", "/v1/any"),
            ("GET", "/v1/any"),
            ("GET", "/v1/own"),
            ("HEAD", "/v1/own"),
            ("HEAD", "/v1/*"),
            ("*", "/v2/any"),
        ]);
        for (path, method) in [
            ("/v1/any", Some(Method::GET)),
            ("/v1/own", Some(Method::HEAD)),
            ("/v1/x", Some(Method::HEAD)),
            ("/v2/any", None),
        ] {
            let RouteMatch::Found(found, _) = router.find(&Method::HEAD, path) else { panic!() };
            let mut routes = router.routes();
            assert!(
                routes.any(|it| it.0 == method.as_ref() && std::ptr::eq(it.2, found)),
                "{path}"
            );
        }
    }

    #[test]
    fn what_matches_the_same_paths_is_the_same() {
        let mut router = router(&[("GET", "/v1/{a}/*"), ("GET", "/v1/{a=**}:x")]);
        for (template, taken) in [
            ("/v1/*/{b.c}", Some("/v1/{a}/*")),
            ("/v1/{b=*/*}", Some("/v1/{a}/*")),
            ("/v1/**:x", Some("/v1/{a=**}:x")),
            ("/v1/**", None),
            ("/v1/*/*:x", None),
        ] {
            let parsed = PathTemplate::parse(template).unwrap();
            let added = router.add(Some(Method::GET), parsed, template).map_err(|taken| *taken);
            assert_eq!(added.err(), taken, "{template}");
        }
    }
}
