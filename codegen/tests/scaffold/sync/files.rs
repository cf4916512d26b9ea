//! What happens to files: those that cannot be written, links, and runs that are killed.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
    thread,
    time::Duration,
};

use crate::{project::Project, random::Random};

/// A package with an implementation in each of several files, that lacks everything.
fn large(files: usize, rpcs: usize) -> Project {
    let rpcs = (0..rpcs).map(|rpc| format!("  // Does it.\n  rpc Do{rpc}(M) returns (M);\n"));
    let rpcs = rpcs.collect::<String>();
    let proto =
        format!("syntax = \"proto3\";\npackage shop;\nmessage M {{}}\nservice Shop {{\n{rpcs}}}\n");
    let project = Project::new(&[("proto/shop.proto", &proto)]);
    let modules = (0..files).map(|file| format!("mod file{file};\n")).collect::<String>();
    project.write("src/lib.rs", &format!("{modules}rust_scaffold::include_proto!(\"shop\");\n"));
    for file in 0..files {
        let source = format!("// File {file}.\nimpl crate::Shop for Mine {{}}\n");
        project.write(&format!("src/file{file}.rs"), &source);
    }
    project
}

#[test]
fn a_run_that_is_killed_leaves_every_file_as_it_was_or_as_it_should_be() {
    let finished = large(12, 5);
    finished.run(&["sync"]).exits(0);
    let after = finished.files("src");
    let mut random = Random::new(1);
    let mut halves = 0;
    for round in 0..200 {
        let project = large(12, 5);
        let before = project.files("src");
        let mut command = project.command(&["sync"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        if round % 2 == 0 {
            thread::sleep(Duration::from_micros(random.below(100_000) as u64));
        } else {
            // It says which file it has written.
            let said = BufReader::new(child.stderr.take().unwrap()).lines();
            said.take(random.below(12)).for_each(|line| drop(line.unwrap()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let mut present = project.files("src");
        present.retain(|name, _| !name.starts_with(".scaffold-"));
        assert_eq!(present.len(), after.len());
        for (name, content) in &present {
            assert!(*content == before[name] || *content == after[name], "{name}: {content}");
        }
        halves += usize::from(present != before && present != after);
    }
    assert!(halves > 0, "no run was killed while it wrote");

    // The next run has nothing to fear from what a killed one leaves.
    let project = large(2, 5);
    project.write("src/.scaffold-left.tmp", "half of a fi");
    project.run(&["sync"]).exits(0);
    project.run(&["sync", "--check"]).exits(0);
}

#[test]
fn a_file_that_cannot_be_written_stays_as_it_is_and_others_do_not() {
    let project = large(3, 5);
    let path = project.path("src/file1.rs");
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let before = project.read("src/file1.rs");
    let ran = project.run(&["sync"]).exits(1);
    assert!(ran.stderr.contains("src/file1.rs`: permission denied"), "{}", ran.stderr);
    assert_eq!(project.read("src/file1.rs"), before);
    for name in ["src/file0.rs", "src/file2.rs"] {
        assert!(project.read(name).contains("fn do4"), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let project = large(2, 5);
    let (real, link) = (project.path("real.rs"), project.path("src/file0.rs"));
    fs::rename(&link, &real).unwrap();
    symlink("../real.rs", &link).unwrap();
    // One file may be two modules.
    project.remove("src/file1.rs");
    symlink("file0.rs", project.path("src/file1.rs")).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o750)).unwrap();
    project.run(&["sync"]).exits(0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(project.read("real.rs").matches("fn do4(").count(), 1);
    project.run(&["sync", "--check"]).exits(0);
}

#[test]
fn a_hundred_rpcs_are_added_at_once() {
    let project = large(1, 100);
    let started = std::time::Instant::now();
    project.run(&["sync"]).exits(0);
    println!("100 rpcs in {:?}", started.elapsed());
    assert_eq!(project.read("src/file0.rs").matches("TODO(scaffold)").count(), 100);
}
