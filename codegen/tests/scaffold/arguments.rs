//! What the program says of itself, and of arguments that it does not know.

use crate::project::Project;

#[test]
fn help_and_version_are_those_of_a_command_of_cargo() {
    let project = Project::new(&[]);
    let help = project.run(&["--help"]).exits(0);
    assert!(help.stdout.contains("Usage: cargo scaffold [OPTIONS] <COMMAND>"), "{}", help.stdout);
    let help = project.run(&["generate", "-h"]).exits(0);
    assert!(help.stdout.contains("Usage: cargo scaffold generate [OPTIONS]"), "{}", help.stdout);
    let version = project.run(&["--version"]).exits(0);
    assert_eq!(version.stdout, format!("cargo-scaffold {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let project = Project::new(&[]);
    let ran = project.run(&["generat"]).exits(2);
    assert!(ran.stderr.contains("generate"), "{}", ran.stderr);
    let ran = project.run(&["generate", "--chek"]).exits(2);
    assert!(ran.stderr.contains("--check"), "{}", ran.stderr);
    project.run(&[]).exits(2);
    project.run(&["generate", "-q", "-v"]).exits(2);
}

#[test]
fn colors_are_for_those_who_want_them() {
    let project = Project::new(&[("proto/a.proto", "syntax = \"proto3\";\n")]);
    let plain = project.run(&["generate", "--check"]).exits(1);
    assert!(!plain.stderr.contains('\u{1b}'), "{}", plain.stderr);
    let colored = project.run(&["generate", "--check", "--color", "always"]).exits(1);
    assert!(colored.stderr.contains('\u{1b}'), "{}", colored.stderr);
    let quiet = project.run(&["generate", "--check", "-q"]).exits(1);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn shells_complete_every_command() {
    let project = Project::new(&[]);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = project.run(&["completions", shell]).exits(0).stdout;
        assert!(script.contains("generate") && script.contains("dry-run"), "{script}");
    }
}

#[test]
fn outside_of_a_package_cargo_says_so() {
    let project = Project::new(&[]);
    project.remove("Cargo.toml");
    let ran = project.run(&["generate"]).exits(1);
    assert!(ran.stderr.contains("could not find `Cargo.toml`"), "{}", ran.stderr);
}

#[test]
fn of_several_packages_one_is_chosen() {
    let project = Project::new(&[]);
    project.write("Cargo.toml", "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"3\"\n");
    for name in ["a", "b"] {
        let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
        project.write(&format!("{name}/Cargo.toml"), &manifest);
        project.write(&format!("{name}/src/lib.rs"), "");
        project.write(&format!("{name}/proto/{name}.proto"), "syntax = \"proto3\";\n");
    }
    let ran = project.run(&["generate"]).exits(1);
    assert!(ran.stderr.contains("help: choose one with `--package`: a, b"), "{}", ran.stderr);
    project.run(&["generate", "-p", "a"]).exits(0);
    assert!(project.path("a/src/gen/a.rs").exists());
    project.run_in("b/src", &["generate"]).exits(0);
    assert!(project.path("b/src/gen/b.rs").exists());
    project.run_in("a", &["generate", "--check", "--manifest-path", "../b/Cargo.toml"]).exits(0);
}
