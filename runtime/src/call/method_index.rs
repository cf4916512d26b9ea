//! Maps paths to methods.

use std::{cmp::Ordering, sync::Arc};

use super::method::{MethodDescriptor, ServiceDescriptor};

/// Finds a service's methods by path. Built once per server, because every call looks its method up.
#[derive(Clone, Debug)]
pub(crate) struct MethodIndex {
    methods: &'static [MethodDescriptor],
    /// The methods' positions, sorted by path.
    by_path: Arc<[usize]>,
}

impl MethodIndex {
    pub(crate) fn new(service: &ServiceDescriptor) -> Self {
        let methods = service.methods;
        let mut by_path = (0..methods.len()).collect::<Vec<_>>();
        by_path.sort_by_key(|position| methods[*position].path);
        Self { methods, by_path: by_path.into() }
    }

    /// The position of the method with this `path` (`/package.Service/Method`).
    pub(crate) fn position(&self, path: &str) -> Option<usize> {
        self.search(|known| known.cmp(path))
    }

    fn search(&self, mut compare: impl FnMut(&str) -> Ordering) -> Option<usize> {
        let path = |position: &usize| self.methods[*position].path;
        let place = self.by_path.binary_search_by(|position| compare(path(position)));
        Some(self.by_path[place.ok()?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_without_comparing_its_path_with_all_others() {
        let path = |number: usize| format!("/package.Service/Method{}", number * 7919 % 1000);
        let methods = (0..1000).map(|it| MethodDescriptor::unary(path(it).leak()));
        let methods = methods.collect::<Vec<_>>().leak();
        let index = MethodIndex::new(&ServiceDescriptor::new("package.Service", methods));
        for number in 0..1000 {
            let (path, mut compared) = (path(number), 0);
            let found = index.search(|known| {
                compared += 1;
                known.cmp(&path)
            });
            assert_eq!(found, Some(number));
            assert!(compared <= 11, "{path}: compared with {compared} others");
        }
        for unknown in ["", "/", "/package.Service/", "/package.Service/Method1000", "~"] {
            assert_eq!(index.position(unknown), None, "{unknown}");
        }
    }
}
