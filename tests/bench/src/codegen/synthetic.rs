//! A large API that nobody has written: services with methods, each with a request and a response
//! of its own, spread over packages.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// One file each.
const PACKAGES: usize = 100;
const SERVICES_IN_EACH: usize = 10;
const METHODS_IN_EACH: usize = 5;

pub(super) fn describe() -> String {
    let services = PACKAGES * SERVICES_IN_EACH;
    let methods = services * METHODS_IN_EACH;
    format!("{services} services, {methods} methods, {} messages", 2 * methods)
}

pub(super) fn write(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for (index, path) in files(directory).into_iter().enumerate() {
        fs::write(path, proto(index))?;
    }
    Ok(())
}

pub(super) fn files(directory: &Path) -> Vec<PathBuf> {
    (0..PACKAGES).map(|index| directory.join(format!("api{index}.proto"))).collect()
}

/// A message has a string, a number, a list, a map and itself; every other method streams.
fn proto(index: usize) -> String {
    let mut text = format!("syntax = \"proto3\";\n\npackage synthetic.api{index};\n");
    // Writing to a string cannot fail.
    for service in 0..SERVICES_IN_EACH {
        let _ = write!(text, "\n// Serves the purpose {service}.\nservice Service{service} {{\n");
        for method in 0..METHODS_IN_EACH {
            let stream = if method % 2 == 0 { "" } else { "stream " };
            let name = format!("S{service}M{method}");
            let _ = write!(
                text,
                "  // Does the thing {method}.\n  \
                 rpc Method{method}({name}Request) returns ({stream}{name}Response);\n"
            );
        }
        text.push_str("}\n");
        for method in 0..METHODS_IN_EACH {
            for side in ["Request", "Response"] {
                let name = format!("S{service}M{method}{side}");
                let _ = write!(
                    text,
                    "\n// The {side} of method {method}.\nmessage {name} {{\n  \
                     // What it is called.\n  string name = 1;\n  int32 count = 2;\n  \
                     repeated string tags = 3;\n  map<string, int64> sizes = 4;\n  \
                     {name} inner = 5;\n}}\n"
                );
            }
        }
    }
    text
}
