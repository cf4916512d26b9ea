//! The cases in `table/`: files, and what commands say and do about them. `BLESS=1` accepts what
//! they say now.
//!
//! A case begins with a sentence. After `==> PATH` follows a file, and after `==> sync ARGUMENTS`
//! what the command prints with `--dry-run`; it is then run without. After the sentence, `crlf` and
//! `bom` say what all sources have, and `formatted` that rustfmt has nothing to do in the end. What every case has by default is in `table/default.txt`.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::project::{Project, Ran};

const TABLE: &str = "tests/scaffold/sync/table";

/// The head and the parts of a case.
fn parts(text: &str) -> (&str, Vec<(&str, &str)>) {
    let mut parts = text.split("==> ");
    let head = parts.next().unwrap();
    (head, parts.map(|part| part.split_once('\n').unwrap()).collect())
}

#[test]
fn every_case_of_the_table_is_as_it_says() {
    let default = fs::read_to_string(Path::new(TABLE).join("default.txt")).unwrap();
    let mut cases = 0;
    let mut wrong = String::new();
    for entry in fs::read_dir(TABLE).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("default.txt") {
            continue;
        }
        let case = fs::read_to_string(&path).unwrap();
        let outcome = run(&default, &case);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, outcome).unwrap();
        } else if outcome != case {
            wrong += &format!("{}:\n{outcome}\n", path.display());
        }
        cases += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(cases > 20, "{cases}: the cases are not where this test looks for them");
}

/// The case as it turns out.
fn run(default: &str, case: &str) -> String {
    let (head, parts_of_case) = parts(case);
    let has = |word| head.lines().any(|line| line == word);
    let project = Project::new(&[]);
    let default = parts(default).1;
    for (path, content) in default.iter().chain(&parts_of_case) {
        if path.starts_with("sync") {
            continue;
        }
        let mut content = content
            .strip_suffix('\n')
            .filter(|it| it.ends_with('\n'))
            .unwrap_or(content)
            .to_owned();
        if has("crlf") {
            content = content.replace('\n', "\r\n");
        }
        if has("bom") && path.ends_with(".rs") {
            content.insert(0, '\u{feff}');
        }
        project.write(path, &content);
    }
    let mut outcome = head.to_owned();
    for (path, content) in parts_of_case {
        outcome += &format!("==> {path}\n");
        match path.strip_prefix("sync") {
            None => outcome += content,
            Some(_) => outcome += &format!("{}\n", run_one(&project, path)),
        }
    }
    if has("formatted") {
        let mut rustfmt = Command::new("rustfmt");
        let sources = project.files("src").into_keys().map(|name| project.path("src").join(name));
        let output = rustfmt.args(["--check", "--edition", "2024"]).args(sources).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    outcome.trim_end().to_owned() + "\n"
}

/// What a command prints, which is also what it does.
fn run_one(project: &Project, command: &str) -> String {
    let arguments = command.split(' ').collect::<Vec<_>>();
    let with = |more: &[&str]| project.run(&[&arguments[..], more].concat());
    let before = project.files("");
    let Ran { code, stdout, stderr } = with(&["--dry-run"]);
    assert_eq!(project.files(""), before);
    with(&["--check"]).exits(i32::from(code != 0 || !stdout.is_empty()));

    let written = with(&[]).exits(code);
    let after = project.files("");
    is_what_the_diff_says(&before, &after, &stdout);
    let again = with(&[]).exits(code);
    assert_eq!(project.files(""), after, "a second run changes something");
    let errors = |ran: &Ran| {
        let of = |block: &&str| block.starts_with("error") || block.starts_with("warning");
        let lines = ["error", "warning", "note"].iter().fold(ran.stderr.clone(), |lines, level| {
            lines.replace(&format!("\n{level}"), &format!("\n\0{level}"))
        });
        lines.split('\0').filter(of).collect::<String>()
    };
    assert_eq!(errors(&written), errors(&again), "the places are not those of what is written");
    format!("{}{stderr}", stdout.replace('\r', "␍"))
}

/// The diff, applied by somebody else, gives the same files.
fn is_what_the_diff_says(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    diff: &str,
) {
    let copy = Project::new(&[("diff", diff)]);
    for (name, content) in before {
        copy.write(name, content);
    }
    if !diff.is_empty() {
        let mut git = Command::new("git");
        let status = git.args(["apply", "diff"]).current_dir(copy.path("")).status();
        assert!(status.unwrap().success(), "{diff}");
    }
    copy.remove("diff");
    assert_eq!(&copy.files(""), after);
}
