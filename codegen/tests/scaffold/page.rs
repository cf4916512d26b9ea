//! `docs/scaffold.md` is a story: its files are written, its commands run, in their order.

use std::fs;

use crate::project::Project;

const PAGE: &str = "../docs/scaffold.md";

/// A block whose first line is a comment with a path is a file: written, or, if it is Rust and
/// there already, compared. In a block `console`, every command prints what stands below it.
#[test]
fn every_block_of_the_page_is_true() {
    let page = fs::read_to_string(PAGE).unwrap();
    let project = Project::new(&[]);
    let mut parts = page.split("```").skip(1).step_by(2);
    let mut ran = 0;
    while let Some((language, block)) = parts.next().and_then(|part| part.split_once('\n')) {
        match (language, path_of(block)) {
            ("console", _) => ran += run(&project, block),
            ("rust", Some((path, content))) if is_written(&project, path) => {
                assert_eq!(project.read(path), content, "{path}");
            }
            (_, Some((path, content))) => project.write(path, content),
            ("sh", None) => {}
            _ => panic!("nobody knows whether this is true: {block}"),
        }
    }
    assert!(ran > 2, "the commands are not where this test looks for them");
}

fn is_written(project: &Project, path: &str) -> bool {
    project.path(path).exists() && !project.read(path).is_empty()
}

/// The path in the first line, and the lines below it.
fn path_of(block: &str) -> Option<(&str, &str)> {
    let (first, content) = block.split_once('\n')?;
    let path = first.strip_prefix("// ").or_else(|| first.strip_prefix("# "))?;
    (path.contains('.') && !path.contains(' ')).then_some((path, content))
}

/// Runs the commands of a block, and counts them.
fn run(project: &Project, block: &str) -> usize {
    let commands = block.split("$ cargo scaffold ").skip(1);
    let run_one = |command: &str| {
        let (arguments, expected) = command.split_once('\n').unwrap();
        let ran = project.run(&arguments.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.stdout + &ran.stderr, expected, "{arguments}");
    };
    commands.map(run_one).count()
}
