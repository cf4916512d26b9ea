//! `cargo scaffold generate`

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::project::{Project, Ran, all_files};

const ORDER: &str = "syntax = \"proto3\";\npackage shop;\nimport \"money.proto\";\n\
                     message Order { shop.Money price = 1; }\n\
                     service Orders { rpc Place(Order) returns (Order); }\n";
const MONEY: &str = "syntax = \"proto3\";\npackage shop;\nmessage Money { int64 units = 1; }\n";
const LEDGER: &str = ".cargo-scaffold";

fn shop() -> Project {
    Project::new(&[("proto/order.proto", ORDER), ("proto/money.proto", MONEY)])
}

fn names(project: &Project) -> Vec<String> {
    project.files("src/gen").into_keys().collect()
}

#[test]
fn the_files_are_those_of_the_build_script_helper_and_of_the_plugin() {
    let protos = fs::canonicalize("../proto").unwrap();
    let by_helper = TempDir::new().unwrap();
    let named = ["calculator.proto", "greeter.proto", "telemetry.proto"];
    let paths = named.map(|name| protos.join(name));
    rust_scaffold_build::configure()
        .emit_rerun_if_changed(false)
        .include_file("mod.rs")
        .build_client(false)
        .type_attribute(".calculator", "#[derive(PartialOrd, Ord)]")
        .out_dir(by_helper.path())
        .compile_protos(&paths, &[&protos])
        .unwrap();

    let project = Project::new(&[]);
    let mut arguments = vec!["generate", "--opt", "build_client=false"];
    arguments.extend(["--opt", "type_attribute=.calculator=#[derive(PartialOrd, Ord)]"]);
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    project.run(&arguments).exits(0);

    let mut by_command = project.files("src/gen");
    by_command.remove(LEDGER).unwrap();
    assert_eq!(by_command, all_files(by_helper.path()));
}

#[test]
fn a_second_run_writes_nothing() {
    let project = shop();
    let first = project.run(&["generate"]).exits(0);
    assert!(first.stderr.contains("     Created src/gen/order.rs\n"), "{}", first.stderr);
    assert!(first.stderr.contains("    Finished 4 files changed\n"), "{}", first.stderr);
    let written = |name| fs::metadata(project.path(name)).unwrap().modified().unwrap();
    let before = ["src/gen/order.rs", "src/gen/mod.rs", "src/gen/.cargo-scaffold"].map(written);
    let second = project.run(&["generate"]).exits(0);
    assert_eq!((second.stdout.as_str(), second.stderr.as_str()), ("", ""));
    let after = ["src/gen/order.rs", "src/gen/mod.rs", "src/gen/.cargo-scaffold"].map(written);
    assert_eq!(before, after);
    let fresh = project.run(&["generate", "-v"]).exits(0);
    assert!(fresh.stderr.contains("       Fresh src/gen/order.rs\n"), "{}", fresh.stderr);
}

#[test]
fn only_what_changes_is_written() {
    let project = shop();
    project.run(&["generate"]).exits(0);
    project.edit("proto/money.proto", "units", "cents");
    let ran = project.run(&["generate"]).exits(0);
    let lines = ran.stderr.lines().map(str::trim_start).collect::<Vec<_>>();
    // The service's file has the descriptors of what it imports.
    let expected = ["Updated src/gen/money.rs", "Updated src/gen/order.rs"];
    assert_eq!(lines[..2], expected, "{}", ran.stderr);
    assert!(!ran.stderr.contains("mod.rs"), "{}", ran.stderr);
}

#[test]
fn a_check_says_what_is_out_of_step_and_changes_nothing() {
    let project = shop();
    let missing = project.run(&["generate", "--check"]).exits(1);
    assert!(missing.stderr.contains("     Missing src/gen/order.rs\n"), "{}", missing.stderr);
    assert!(!project.path("src/gen").exists());

    project.run(&["generate"]).exits(0);
    project.run(&["generate", "--check"]).exits(0);
    project.write("proto/late.proto", "syntax = \"proto3\";\nmessage Late {}\n");
    project.run(&["generate"]).exits(0);
    project.remove("proto/late.proto");
    project.edit("proto/money.proto", "units", "cents");
    let before = project.files("src/gen");
    let ran = project.run(&["generate", "--check"]).exits(1);
    assert!(ran.stderr.contains("    Outdated src/gen/money.rs\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("       Stale src/gen/late.rs\n"), "{}", ran.stderr);
    assert_eq!(project.files("src/gen"), before);
}

#[test]
fn stale_files_go_if_nobody_has_touched_them() {
    let project = shop();
    for name in ["late", "kept"] {
        project.write(&format!("proto/{name}.proto"), "syntax = \"proto3\";\npackage other;\n");
    }
    project.run(&["generate"]).exits(0);
    project.edit("src/gen/kept.rs", "DO NOT EDIT.", "DO NOT EDIT. (I did.)");
    project.write("src/gen/mine.rs", "// Mine.\n");
    project.remove("proto/late.proto");
    project.remove("proto/kept.proto");
    for _ in 0..2 {
        let ran = project.run(&["generate"]).exits(0);
        assert!(ran.stderr.contains("`src/gen/kept.rs` is generated no more"), "{}", ran.stderr);
        let left = [LEDGER, "kept.rs", "mine.rs", "mod.rs", "money.rs", "order.rs"];
        assert_eq!(names(&project), left);
    }
}

#[test]
fn what_is_not_on_record_stays() {
    let project = shop();
    project.write("proto/late.proto", "syntax = \"proto3\";\nmessage Late {}\n");
    project.run(&["generate"]).exits(0);
    project.remove("proto/late.proto");
    // A merge that nobody has resolved.
    let ledger = format!("src/gen/{LEDGER}");
    let conflict = |line: &str| match line.ends_with("late.rs") {
        true => format!("<<<<<<< ours {line}\n"),
        false => format!("{line}\n"),
    };
    let conflict = project.read(&ledger).lines().map(conflict).collect::<String>();
    // What is elsewhere belongs to somebody else.
    project.run(&["generate", "--out", "src/other"]).exits(0);
    let other = project.read(&format!("src/other/{LEDGER}"));
    let other = other.lines().find(|line| line.ends_with("money.rs")).unwrap();
    let other = other.replace("money.rs", "../other/money.rs");
    project.write(&ledger, &format!("{conflict}{other}\n"));
    project.run(&["generate"]).exits(0);
    assert!(project.path("src/gen/late.rs").exists());
    assert!(project.path("src/other/money.rs").exists());
}

#[test]
fn code_that_was_not_generated_is_not_written_over() {
    let project = shop();
    project.write("src/order.rs", "// By hand.\n");
    let before = project.files("src");
    let ran = project.run(&["generate", "--out", "src"]).exits(1);
    let expected =
        "error: `src/order.rs` is there and has not been generated\n  --> src/order.rs\n";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    assert_eq!(project.files("src"), before);
}

#[test]
fn the_arguments_can_be_kept_in_the_manifest() {
    let project = Project::new(&[("api/order.proto", ORDER), ("common/money.proto", MONEY)]);
    let manifest = project.read("Cargo.toml");
    let settings = "[package.metadata.scaffold]\nprotos = [\"api/order.proto\"]\n\
                    proto-path = [\"api\", \"common\"]\nout = \"src/proto\"\n\
                    opt = [\"build_client=false\"]\n";
    project.write("Cargo.toml", &format!("{manifest}{settings}"));
    project.run_in("src", &["generate"]).exits(0);
    let order = project.read("src/proto/order.rs");
    assert!(order.contains("OrdersServer") && !order.contains("OrdersClient"));
    // What is given besides counts after it.
    project.run(&["generate", "--opt", "build_client", "--out", "src/other"]).exits(0);
    assert!(project.read("src/other/order.rs").contains("OrdersClient"));

    project.write("Cargo.toml", &format!("{manifest}{}", settings.replace("protos", "proto")));
    let ran = project.run(&["generate"]).exits(1);
    let expected = "error: unknown key `proto` in `[package.metadata.scaffold]`";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
}

#[test]
fn a_diff_is_what_makes_the_files() {
    let project = shop();
    project.run(&["generate"]).exits(0);
    project.write("proto/late.proto", "syntax = \"proto3\";\nmessage Late {}\n");
    project.run(&["generate"]).exits(0);
    project.edit("proto/money.proto", "units", "cents");
    project.remove("proto/late.proto");
    project.write("proto/early.proto", "syntax = \"proto3\";\nmessage Early {}\n");
    let before = project.files("src/gen");
    let dry = project.run(&["generate", "--dry-run"]).exits(0);
    assert_eq!(project.files("src/gen"), before);
    project.run(&["generate", "--dry-run", "--check"]).exits(1);

    project.write("diff", &dry.stdout);
    let status = Command::new("git").args(["apply", "diff"]).current_dir(project.path("")).status();
    assert!(status.unwrap().success(), "{}", dry.stdout);
    project.run(&["generate", "--check"]).exits(0);
}

#[test]
fn programs_read_an_object_a_line() {
    let project = shop();
    let objects = |ran: &Ran| {
        let lines = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<serde_json::Value>>()
    };
    let ran = project.run(&["generate", "--message-format", "json", "-q"]).exits(0);
    assert_eq!(ran.stderr, "");
    let all = objects(&ran);
    let created = serde_json::json!(
        { "reason": "change", "action": "create", "path": "src/gen/order.rs", "done": true }
    );
    assert!(all.contains(&created), "{all:?}");
    let finished = serde_json::json!({ "reason": "finished", "success": true });
    assert_eq!(all.last(), Some(&finished));

    project.write("src/gen/order.rs", "// By hand.\n");
    let ran = project.run(&["generate", "--check", "--message-format=json"]).exits(1);
    let all = objects(&ran);
    let finding = all.iter().find(|object| object["code"] == "not-generated").unwrap();
    assert_eq!(
        (&finding["level"], &finding["path"]),
        (&"error".into(), &"src/gen/order.rs".into())
    );
}

#[test]
fn what_is_wrong_with_protos_is_said_as_in_a_build_script() {
    let project = Project::new(&[("proto/order.proto", ORDER)]);
    let ran = project.run(&["generate"]).exits(1);
    assert!(ran.stderr.starts_with("error: money.proto: File not found."), "{}", ran.stderr);
    assert!(ran.stderr.contains("help: imports are looked for in `proto`"), "{}", ran.stderr);
    let ran = project.run(&["generate", "--opt", "build_servers"]).exits(1);
    assert!(ran.stderr.contains("did you mean `build_server`?"), "{}", ran.stderr);
    let ran = project.run(&["generate", "src"]).exits(1);
    assert!(ran.stderr.contains("error: there are no protos in `src`"), "{}", ran.stderr);
    assert!(!project.path("src/gen").exists());
}

#[test]
fn a_link_stays_one_and_a_file_that_cannot_be_written_stays_as_it_is() {
    let project = shop();
    project.run(&["generate"]).exits(0);
    let (real, link) = (project.path("money.rs"), project.path("src/gen/money.rs"));
    fs::rename(&link, &real).unwrap();
    link_to(&real, &link);
    set_readonly(&project.path("src/gen/order.rs"));
    let order = project.read("src/gen/order.rs");

    project.edit("proto/money.proto", "units", "cents");
    let ran = project.run(&["generate"]).exits(1);
    assert!(ran.stderr.contains("error: cannot write `"), "{}", ran.stderr);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(project.read("money.rs").contains("cents"));
    assert_eq!(project.read("src/gen/order.rs"), order);
}

#[test]
fn links_that_lead_round_in_circles_are_not_followed() {
    let project = shop();
    fs::create_dir(project.path("proto/below")).unwrap();
    link_to(&project.path("proto"), &project.path("proto/below/again"));
    project.run(&["generate"]).exits(0);
    let mut files = project.files("src/gen");
    files.remove(".cargo-scaffold");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["mod.rs", "money.rs", "order.rs"]);
}

fn link_to(real: &Path, link: &Path) {
    #[cfg(unix)]
    std::os::unix::fs::symlink(real, link).unwrap();
    #[cfg(windows)]
    std::os::windows::fs::symlink_file(real, link).unwrap();
}

fn set_readonly(path: &Path) {
    let mut permissions = fs::metadata(path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(path, permissions).unwrap();
}
