//! The descriptors of a server's files, and where in them everything is declared.

use std::collections::{BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use prost::Message as _;
use prost_types::FileDescriptorProto;

use super::names::Declared;

/// `google/protobuf/*.proto`, as an encoded `FileDescriptorSet`. Generated code leaves them out, as every server
/// would have them several times.
const WELL_KNOWN: &[u8] = include_bytes!("well_known.binpb");

/// A file, and those that it imports.
#[derive(Debug)]
struct FileEntry {
    encoded: Bytes,
    imports: Vec<String>,
}

/// The files of a server's services with everything that they import.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    files: HashMap<String, FileEntry>,
    /// The file in which each symbol is declared.
    symbols: HashMap<String, String>,
    messages: HashSet<String>,
    /// The numbers of each extended message, and the files in which they are declared.
    extensions: HashMap<String, HashMap<i32, String>>,
}

impl Descriptors {
    /// Reads files of generated code, each an encoded `FileDescriptorProto`. Several services may bring the same
    /// one.
    pub(super) fn new(files: impl IntoIterator<Item = &'static [u8]>) -> Self {
        let mut descriptors = Self::default();
        let mut seen = HashSet::new();
        for file in files.into_iter().filter(|file| seen.insert(*file)) {
            descriptors.add(Bytes::from_static(file));
        }
        descriptors.add_well_known();
        descriptors
    }

    /// Adds the well-known files that others import.
    fn add_well_known(&mut self) {
        let files = encoded_files(Bytes::from_static(WELL_KNOWN));
        // A file stands after those that it imports: backwards, whoever imports a file is there before it.
        for file in files.into_iter().rev() {
            let Ok(decoded) = FileDescriptorProto::decode(file.clone()) else { continue };
            let is_import = |entry: &FileEntry| entry.imports.iter().any(|it| it == decoded.name());
            if self.files.values().any(is_import) {
                self.add(file);
            }
        }
    }

    /// Adds a file, unless there is one of this name. One that cannot be decoded is left out: it is none that the
    /// generator has written.
    fn add(&mut self, encoded: Bytes) {
        let Ok(file) = FileDescriptorProto::decode(encoded.clone()) else { return };
        let name = file.name();
        if self.files.contains_key(name) {
            return;
        }
        let Declared { symbols, messages, extensions } = Declared::by(&file);
        self.symbols.extend(symbols.into_iter().map(|symbol| (symbol, name.to_owned())));
        self.messages.extend(messages);
        for (extended, number) in extensions {
            self.extensions.entry(extended).or_default().insert(number, name.to_owned());
        }
        self.files.insert(name.to_owned(), FileEntry { encoded, imports: file.dependency });
    }

    /// The name of the file that declares `symbol`.
    pub(super) fn declaring(&self, symbol: &str) -> Option<&str> {
        self.symbols.get(symbol).map(String::as_str)
    }

    /// The name of the file that declares the extension of `message` with this number.
    pub(super) fn extending(&self, message: &str, number: i32) -> Option<&str> {
        self.extensions.get(message)?.get(&number).map(String::as_str)
    }

    /// The numbers of all extensions of `message`, in ascending order, or `None` if there is no such message.
    pub(super) fn extension_numbers(&self, message: &str) -> Option<Vec<i32>> {
        match self.extensions.get(message) {
            Some(numbers) => {
                let mut numbers = Vec::from_iter(numbers.keys().copied());
                numbers.sort_unstable();
                Some(numbers)
            }
            None => self.messages.contains(message).then(Vec::new),
        }
    }

    /// The file with this name, and after it those of its imports that are not in `sent`. All of them are added
    /// to `sent`.
    pub(super) fn with_imports(
        &self,
        name: &str,
        sent: &mut BTreeSet<String>,
    ) -> Option<Vec<Bytes>> {
        let file = self.files.get(name)?;
        sent.insert(name.to_owned());
        let mut files = vec![file.encoded.clone()];
        let mut imports = Vec::from_iter(file.imports.iter().rev());
        while let Some(import) = imports.pop() {
            let Some(file) = self.files.get(import) else { continue };
            if sent.insert(import.clone()) {
                files.push(file.encoded.clone());
                imports.extend(file.imports.iter().rev());
            }
        }
        Some(files)
    }
}

/// The files of an encoded `FileDescriptorSet`, each still encoded: what is unknown to this decoder has to stay.
fn encoded_files(set: Bytes) -> Vec<Bytes> {
    /// `google.protobuf.FileDescriptorSet`
    #[derive(Clone, PartialEq, prost::Message)]
    struct EncodedFiles {
        #[prost(bytes = "bytes", repeated, tag = "1")]
        file: Vec<Bytes>,
    }
    EncodedFiles::decode(set).map(|set| set.file).unwrap_or_default()
}
