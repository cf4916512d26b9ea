//! The descriptors of a server's files, and where in them everything is declared.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, hash_map::Entry};

use bytes::Bytes;
use prost::Message as _;
use prost_types::FileDescriptorProto;

use super::names::Declared;
use crate::codec::descriptors::well_known_files;

/// The position of a file among all. Names do not tell them apart: two services may each bring a file of the same
/// name, such as `service.proto`.
pub(super) type FileId = usize;

#[derive(Debug)]
struct FileEntry {
    encoded: Bytes,
    imports: Vec<String>,
    /// The service that has brought it, by its position. It has brought the imports as well.
    service: usize,
}

/// The files of a server's services with everything that they import.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    files: Vec<FileEntry>,
    /// The first file of each name.
    by_name: HashMap<String, FileId>,
    /// The files that each service has brought, by their names.
    by_service: Vec<HashMap<String, FileId>>,
    /// The first file that declares each symbol.
    symbols: HashMap<String, FileId>,
    messages: HashSet<String>,
    /// The numbers of each extended message, and the files in which they are declared.
    extensions: HashMap<String, BTreeMap<i32, FileId>>,
}

impl Descriptors {
    /// Reads the files of each service, which are encoded `FileDescriptorProto`s. Several services may bring the
    /// same ones.
    pub(super) fn new(services: impl IntoIterator<Item = &'static [&'static [u8]]>) -> Self {
        let mut descriptors = Self::default();
        let mut known = HashMap::new();
        for (service, files) in services.into_iter().enumerate() {
            let mut by_name = HashMap::new();
            for file in files {
                let added = match known.get(file) {
                    Some(added) => Some(Clone::clone(added)),
                    None => descriptors.add(Bytes::from_static(file), service),
                };
                let Some((name, id)) = added else { continue };
                known.insert(*file, (name.clone(), id));
                by_name.insert(name, id);
            }
            descriptors.by_service.push(by_name);
        }
        descriptors.add_well_known();
        descriptors
    }

    /// Adds the well-known files that others import.
    fn add_well_known(&mut self) {
        let service = self.by_service.len();
        self.by_service.push(HashMap::new());
        // A file stands after those that it imports: backwards, whoever imports a file is there before it.
        for file in well_known_files().into_iter().rev() {
            let Ok(decoded) = FileDescriptorProto::decode(file.clone()) else { continue };
            let is_import = |entry: &FileEntry| entry.imports.iter().any(|it| it == decoded.name());
            if !self.by_name.contains_key(decoded.name()) && self.files.iter().any(is_import) {
                self.add(file, service);
            }
        }
    }

    /// Adds a file that a service has brought. One that cannot be decoded is left out: it is none that the
    /// generator has written.
    fn add(&mut self, encoded: Bytes, service: usize) -> Option<(String, FileId)> {
        let file = FileDescriptorProto::decode(encoded.clone()).ok()?;
        let Declared { symbols, messages, extensions } = Declared::by(&file);
        let (name, id) = (file.name.unwrap_or_default(), self.files.len());
        match self.by_name.entry(name.clone()) {
            Entry::Vacant(first) => drop(first.insert(id)),
            Entry::Occupied(_) => tracing::warn!(
                file = name,
                "several files of this name differ, of which reflection shows the first by name and the \
                 others by what they declare: clients may refuse to know more than one"
            ),
        }
        for symbol in symbols {
            self.symbols.entry(symbol).or_insert(id);
        }
        self.messages.extend(messages);
        for (extended, number) in extensions {
            self.extensions.entry(extended).or_default().entry(number).or_insert(id);
        }
        let mut imports = file.dependency;
        imports.extend(option_imports(encoded.clone()));
        self.files.push(FileEntry { encoded, imports, service });
        Some((name, id))
    }

    /// The file with this name: the first, if there are several.
    pub(super) fn named(&self, name: &str) -> Option<FileId> {
        self.by_name.get(name).copied()
    }

    /// The file that declares `symbol`.
    pub(super) fn declaring(&self, symbol: &str) -> Option<FileId> {
        self.symbols.get(symbol).copied()
    }

    /// The file that declares the extension of `message` with this number.
    pub(super) fn extending(&self, message: &str, number: i32) -> Option<FileId> {
        self.extensions.get(message)?.get(&number).copied()
    }

    /// The numbers of all extensions of `message`, in ascending order, or `None` if there is no such message.
    pub(super) fn extension_numbers(&self, message: &str) -> Option<Vec<i32>> {
        match self.extensions.get(message) {
            Some(numbers) => Some(numbers.keys().copied().collect()),
            None => self.messages.contains(message).then(Vec::new),
        }
    }

    /// The file, and after it those of its imports that are not in `sent`. All of them are added to `sent`.
    pub(super) fn with_imports(&self, file: FileId, sent: &mut BTreeSet<FileId>) -> Vec<Bytes> {
        // It is asked for, whether it was sent before or not.
        sent.insert(file);
        let (mut files, mut next) = (Vec::new(), vec![file]);
        while let Some(entry) = next.pop().and_then(|id| self.files.get(id)) {
            files.push(entry.encoded.clone());
            let imports = entry.imports.iter().filter_map(|name| self.imported(entry, name));
            let mut new: Vec<_> = imports.filter(|id| sent.insert(*id)).collect();
            new.reverse();
            next.extend(new);
        }
        files
    }

    /// The file that `entry` imports by this name: the one that has come with it, or a well-known one.
    fn imported(&self, entry: &FileEntry, name: &str) -> Option<FileId> {
        let of_service = self.by_service.get(entry.service).and_then(|files| files.get(name));
        of_service.copied().or_else(|| self.named(name))
    }
}

/// The files that an encoded file imports for their options alone (`import option`, of edition 2024).
fn option_imports(file: Bytes) -> Vec<String> {
    /// `google.protobuf.FileDescriptorProto`, of which prost's does not know the field.
    #[derive(Clone, PartialEq, prost::Message)]
    struct OptionImports {
        #[prost(string, repeated, tag = "15")]
        option_dependency: Vec<String>,
    }
    OptionImports::decode(file).map(|file| file.option_dependency).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use prost_types::{DescriptorProto, FieldDescriptorProto};

    use super::*;

    /// A file that declares a message, in its package.
    fn file(name: &str, package: &str, message: &str, imports: &[&str]) -> FileDescriptorProto {
        let message = DescriptorProto { name: Some(message.into()), ..DescriptorProto::default() };
        FileDescriptorProto {
            name: Some(name.into()),
            package: Some(package.into()),
            dependency: imports.iter().map(|&import| import.into()).collect(),
            message_type: vec![message],
            ..FileDescriptorProto::default()
        }
    }

    /// What generated code has in it.
    fn service(files: &[FileDescriptorProto]) -> &'static [&'static [u8]] {
        let encoded = files.iter().map(|file| &*file.encode_to_vec().leak());
        encoded.collect::<Vec<_>>().leak()
    }

    /// The packages of `files`.
    fn packages(files: Vec<Bytes>) -> Vec<String> {
        let decoded = files.into_iter().map(|file| FileDescriptorProto::decode(file).unwrap());
        decoded.map(|file| file.package().to_owned()).collect()
    }

    #[test]
    fn files_of_the_same_name_are_found_by_what_they_declare() {
        let of = |package: &str| {
            let types = file("types.proto", &format!("{package}.types"), "Money", &[]);
            service(&[types, file("api.proto", package, "Order", &["types.proto"])])
        };
        let descriptors = Descriptors::new([of("shop"), of("billing"), of("shop")]);
        assert_eq!(descriptors.files.len(), 4);
        for package in ["shop", "billing"] {
            let declaring = descriptors.declaring(&format!("{package}.Order")).unwrap();
            let files = descriptors.with_imports(declaring, &mut BTreeSet::new());
            // Each comes with the import that it was compiled with.
            assert_eq!(packages(files), [package, &format!("{package}.types")]);
        }
        let first = descriptors.named("api.proto").unwrap();
        let mut sent = BTreeSet::new();
        assert_eq!(packages(descriptors.with_imports(first, &mut sent)), ["shop", "shop.types"]);
        // What was sent of one is not what was sent of the other.
        let second = descriptors.declaring("billing.Order").unwrap();
        let files = descriptors.with_imports(second, &mut sent);
        assert_eq!(packages(files), ["billing", "billing.types"]);
    }

    #[test]
    fn imports_come_after_the_file_and_in_its_order_and_once() {
        let files = [
            file("d", "d", "M", &[]),
            file("b", "b", "M", &["d"]),
            file("c", "c", "M", &["d", "b"]),
            file("a", "a", "M", &["b", "c"]),
        ];
        let descriptors = Descriptors::new([service(&files)]);
        let mut sent = BTreeSet::new();
        let mut ask = |name: &str| {
            packages(descriptors.with_imports(descriptors.named(name).unwrap(), &mut sent))
        };
        assert_eq!(ask("b"), ["b", "d"]);
        assert_eq!(ask("a"), ["a", "c"]);
        assert_eq!(ask("a"), ["a"]);
        let descriptors = Descriptors::new([service(&files)]);
        let all = descriptors.with_imports(descriptors.named("a").unwrap(), &mut BTreeSet::new());
        assert_eq!(packages(all), ["a", "b", "d", "c"]);
    }

    #[test]
    fn files_that_are_imported_for_their_options_come_along() {
        let mut encoded = file("api.proto", "api", "Order", &[]).encode_to_vec();
        let import = "options.proto";
        // The field 15, a string.
        encoded.extend([15 << 3 | 2, u8::try_from(import.len()).unwrap()]);
        encoded.extend(import.bytes());
        let options = file(import, "options", "Extra", &["google/protobuf/descriptor.proto"]);
        let files = vec![&*options.encode_to_vec().leak(), &*encoded.leak()].leak();
        let descriptors = Descriptors::new([&*files]);
        let api = descriptors.named("api.proto").unwrap();
        let files = descriptors.with_imports(api, &mut BTreeSet::new());
        assert_eq!(packages(files), ["api", "options", "google.protobuf"]);
    }

    #[test]
    fn numbers_of_extensions_are_in_ascending_order() {
        let mut extending = file("api.proto", "api", "Order", &[]);
        extending.extension = [50, 7, 123, 9, 100_000, 8]
            .map(|number| FieldDescriptorProto {
                name: Some(format!("extension_{number}")),
                extendee: Some(".api.Order".into()),
                number: Some(number),
                ..FieldDescriptorProto::default()
            })
            .into();
        let descriptors = Descriptors::new([service(&[extending])]);
        let numbers = descriptors.extension_numbers("api.Order").unwrap();
        assert_eq!(numbers, [7, 8, 9, 50, 123, 100_000]);
        assert!(descriptors.extending("api.Order", 9).is_some());
        assert_eq!(descriptors.extending("api.Order", 10), None);
    }
}
