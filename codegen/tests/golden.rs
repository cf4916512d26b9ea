//! Every folder of `tests/golden` generates what it holds, and so does the example of buf; `BLESS=1`
//! accepts what came out.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use rust_scaffold_build::{Builder, Mock};

#[test]
fn every_case_generates_what_it_is_expected_to() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut differences = Vec::new();
    let golden = cases().into_iter().map(|case| (case.join("input"), case.join("expected")));
    let example = Path::new("../examples/buf");
    let checked_in = [(example.join("proto"), example.join("src/generated"))];
    for (input, expected) in golden.chain(checked_in) {
        let generated = generate(&input);
        if bless {
            replace(&expected, &generated);
            continue;
        }
        let found = read_tree(&expected);
        let names = found.keys().chain(generated.keys());
        for name in names.filter(|name| found.get(*name) != generated.get(*name)) {
            differences.push(explain(&expected.join(name), &found, &generated));
        }
    }
    differences.sort();
    differences.dedup();
    assert!(
        differences.is_empty(),
        "{}\nIf that is what you meant: BLESS=1 cargo test -p rust-scaffold-build --test golden",
        differences.join("\n")
    );
}

#[test]
fn every_case_is_compiled_in_a_public_module_and_in_a_private_one() {
    for (file, start) in [("src/lib.rs", "pub mod"), ("tests/private.rs", "mod")] {
        let library = fs::read_to_string(Path::new("../tests").join(file)).unwrap();
        for case in cases() {
            let name = case.file_name().unwrap().to_str().unwrap();
            let line = format!("#[path = \"../golden/{name}/expected/mod.rs\"]\n{start} {name};");
            assert!(library.contains(&line), "tests/{file} lacks\n{line}");
        }
    }
}

fn cases() -> Vec<PathBuf> {
    let mut cases = fs::read_dir("../tests/golden")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect::<Vec<_>>();
    cases.sort();
    assert!(cases.len() > 10, "the golden cases are not where this test looks for them");
    cases
}

/// With the options of the file `options` beside the folder of protos, where there is one.
fn generate(input: &Path) -> BTreeMap<PathBuf, String> {
    let protos = read_tree(input).into_keys().map(|name| input.join(name)).collect::<Vec<_>>();
    let directory = tempfile::tempdir().unwrap();
    let mut builder = rust_scaffold_build::configure()
        .emit_rerun_if_changed(false)
        .include_file("mod.rs")
        .out_dir(directory.path());
    for option in fs::read_to_string(input.with_file_name("options")).unwrap_or_default().lines() {
        builder = set(builder, option);
    }
    builder
        .compile_protos(&protos, &[input])
        .unwrap_or_else(|error| panic!("{}: {error}", input.display()));
    read_tree(directory.path())
}

/// An option as the plugin spells it, set on the builder.
fn set(builder: Builder, option: &str) -> Builder {
    let (name, value) = option.split_once('=').unwrap_or((option, "true"));
    let pair = || value.split_once('=').unwrap();
    match name {
        "build_server" => builder.build_server(value == "true"),
        "build_client" => builder.build_client(value == "true"),
        "default_stubs" => builder.default_stubs(value == "true"),
        "dyn_traits" => builder.dyn_traits(value == "true"),
        "decorators" => builder.decorators(value == "true"),
        "mock" => builder.mock(match value {
            "always" => Mock::Always,
            "never" => Mock::Never,
            _ => Mock::Test,
        }),
        "file_descriptor_set" => builder.file_descriptor_set(value == "true"),
        "extern_path" => builder.extern_path(pair().0, pair().1),
        "extern_traits" => builder.extern_traits(pair().0, pair().1),
        "type_attribute" => builder.type_attribute(pair().0, pair().1),
        "message_attribute" => builder.message_attribute(pair().0, pair().1),
        "enum_attribute" => builder.enum_attribute(pair().0, pair().1),
        "field_attribute" => builder.field_attribute(pair().0, pair().1),
        "bytes" => builder.bytes(value),
        "btree_map" => builder.btree_map(value),
        "boxed" => builder.boxed(value),
        "skip_debug" => builder.skip_debug(value),
        "disable_comments" => builder.disable_comments(value),
        "codec_path" => builder.codec_path(pair().0, pair().1),
        "enable_type_names" => builder.enable_type_names(value == "true"),
        "type_name_domain" => builder.type_name_domain(pair().0, pair().1),
        "compile_well_known_types" => builder.compile_well_known_types(value == "true"),
        "runtime_path" => builder.runtime_path(value),
        _ => panic!("this test does not know the option {option}"),
    }
}

/// All files below a directory, by their path in it.
fn read_tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let content = fs::read_to_string(&path).unwrap();
                files.insert(path.strip_prefix(root).unwrap().to_owned(), content);
            }
        }
    }
    files
}

fn replace(expected: &Path, generated: &BTreeMap<PathBuf, String>) {
    if expected.exists() {
        fs::remove_dir_all(expected).unwrap();
    }
    for (name, content) in generated {
        let path = expected.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// The first line in which a file is not as expected.
fn explain(
    path: &Path,
    expected: &BTreeMap<PathBuf, String>,
    generated: &BTreeMap<PathBuf, String>,
) -> String {
    let find = |files: &BTreeMap<PathBuf, String>| {
        files.iter().find(|(name, _)| path.ends_with(name)).map(|(_, content)| content.clone())
    };
    let path = path.display();
    match (find(expected), find(generated)) {
        (Some(expected), Some(generated)) => {
            let pairs = expected.lines().zip(generated.lines());
            let line = pairs.take_while(|(expected, generated)| expected == generated).count();
            let show = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
            let (expected, generated) = (show(&expected), show(&generated));
            format!("{path}:{}:\n  - {expected}\n  + {generated}", line + 1)
        }
        (None, _) => format!("{path}: is generated, but not expected"),
        (_, None) => format!("{path}: is expected, but not generated"),
    }
}
