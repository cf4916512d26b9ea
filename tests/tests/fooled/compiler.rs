//! What the compiler says to slips: our words, whatever else its version says.

use std::{fs, mem, ops::Range, path::Path, process::Command};

/// A function that does not compile, its lines, the words in which it has to fail, and those among
/// them that the guide explains.
struct Slip {
    name: String,
    lines: Range<usize>,
    words: Vec<String>,
    explained: Vec<String>,
}

fn slips(source: &str) -> Vec<Slip> {
    let mut slips: Vec<Slip> = Vec::new();
    let (mut words, mut explained) = (Vec::new(), Vec::new());
    for (line, number) in source.lines().zip(1..) {
        if let Some(expected) = line.strip_prefix("// red: ") {
            words.push(expected.to_owned());
        }
        if let Some(expected) = line.strip_prefix("// guide: ") {
            words.push(expected.to_owned());
            explained.push(expected.to_owned());
        }
        if let Some((name, _)) = line.strip_prefix("fn ").and_then(|rest| rest.split_once('('))
            && !words.is_empty()
        {
            let (words, explained) = (mem::take(&mut words), mem::take(&mut explained));
            slips.push(Slip { name: name.to_owned(), lines: number..number, words, explained });
        }
        if let (Some(slip), "}") = (slips.last_mut(), line)
            && slip.lines.is_empty()
        {
            slip.lines.end = number;
        }
    }
    slips
}

/// The errors about `file`, each with its line.
fn errors<'a>(output: &'a str, file: &str) -> Vec<(usize, &'a str)> {
    let place = format!("{file}:");
    let located = output.split("\nerror").map(|error| {
        let line = error.split_once(&place).and_then(|(_, rest)| rest.split(':').next());
        (line.and_then(|line| line.parse().ok()).unwrap_or_default(), error)
    });
    located.collect()
}

#[test]
fn slips_are_told_in_the_words_of_the_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(folder.join("tests/fooled/slips.rs")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--color", "never", "--features", "slips", "--test", "slips"])
        .current_dir(folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let errors = errors(&text, "fooled/slips.rs");
    let slips = slips(&source);
    assert!(slips.len() > 10, "there are slips");
    let untold = slips.iter().filter_map(|Slip { name, lines, words, .. }| {
        let of_slip = errors.iter().filter(|(line, _)| lines.contains(line));
        let of_slip = of_slip.map(|(_, error)| *error).collect::<Vec<_>>().join("\n\n");
        let missing = words.iter().filter(|words| !of_slip.contains(*words)).collect::<Vec<_>>();
        (!missing.is_empty()).then(|| format!("{name} is not told of with {missing:?}:\n{of_slip}"))
    });
    let untold = untold.collect::<Vec<_>>();
    assert!(untold.is_empty(), "{}\n\nof all of this:\n{text}", untold.join("\n\n"));
}

#[test]
fn the_guide_explains_what_the_compiler_says_in_its_own_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = fs::read_to_string(folder.join("tests/fooled/slips.rs")).unwrap();
    let guide = fs::read_to_string(folder.join("../docs/testing.md")).unwrap();
    let (_, table) = guide.split_once("## When it does not compile").unwrap();
    for Slip { name, explained, .. } in slips(&source) {
        for words in explained {
            assert!(table.contains(&words), "of {name}, the guide lacks: {words}");
        }
    }
}

/// A crate with a generated service whose runtime has no mocks, and a test that wants one.
const WITHOUT_THE_FEATURE: &str = r#"
mod calculator {
    include!(GENERATED);
}

#[test]
fn total() {
    let mock = calculator::MockCalculator::new();
    mock.expect_add().returns(calculator::AddResponse { result: 8 });
    let _spy = calculator::MockCalculator::spy(mock.client());
}
"#;

#[test]
fn a_mock_without_the_feature_says_which_line_is_missing() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("without_the_feature");
    fs::create_dir_all(folder.join("src")).unwrap();
    let manifest = format!(
        "[workspace]\n\n[package]\nname = \"without-the-feature\"\nedition = \"2024\"\n\n\
         [dependencies]\nrust-scaffold = {{ path = {:?} }}\n",
        tests.join("../runtime")
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(tests.join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let generated = format!("{:?}", tests.join("golden/unary/expected/calculator.rs"));
    let source = WITHOUT_THE_FEATURE.replace("GENERATED", &generated);
    fs::write(folder.join("src/lib.rs"), source).unwrap();
    let check = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["check", "--offline", "--color", "never", "--target-dir", "target"])
            .args(arguments)
            .current_dir(&folder)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (compiles, text) = check(&[]);
    assert!(compiles, "outside of tests there is nothing to miss:\n{text}");
    let (compiles, text) = check(&["--tests"]);
    assert!(!compiles, "there is no mock");
    for words in [
        "mocks are in the feature `mock` of `rust-scaffold`, which is not on",
        r#"rust-scaffold = { version = "0.1", features = ["mock"] }"#,
    ] {
        assert!(text.contains(words), "{text}");
    }
    assert!(text.contains("due to 2 previous errors"), "and nothing besides:\n{text}");
}
