//! The command line of `calculator-server` and `calculator-client`: `[--addr ADDRESS]`.

use std::{env, process};

/// The address that the command line gives, or else `default`.
///
/// `--help`, and a command line that makes no sense, end the program.
pub fn address_or_exit(default: &str) -> String {
    let mut args = env::args();
    let program = args.next().unwrap_or_default();
    match parse(args) {
        Ok(Args::Address(address)) => address,
        Ok(Args::Default) => default.to_owned(),
        Ok(Args::Help) => {
            println!("{}", usage(&program, default));
            process::exit(0)
        }
        Err(problem) => {
            eprintln!("{problem}\n\n{}", usage(&program, default));
            process::exit(2)
        }
    }
}

#[derive(Debug, PartialEq)]
enum Args {
    Default,
    Address(String),
    Help,
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Args, String> {
    let mut parsed = Args::Default;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--addr" => {
                let address = args.next().ok_or("--addr needs an address")?;
                parsed = Args::Address(address);
            }
            "-h" | "--help" => return Ok(Args::Help),
            unknown => match unknown.strip_prefix("--addr=") {
                Some(address) => parsed = Args::Address(address.to_owned()),
                None => return Err(format!("unknown argument `{unknown}`")),
            },
        }
    }
    Ok(parsed)
}

fn usage(program: &str, default: &str) -> String {
    format!("Usage: {program} [--addr ADDRESS]    (without it: {default})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Args, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn address_is_optional() {
        assert_eq!(parsed(""), Ok(Args::Default));
        assert_eq!(parsed("--addr [::1]:7"), Ok(Args::Address("[::1]:7".to_owned())));
        assert_eq!(parsed("--addr=[::1]:7"), Ok(Args::Address("[::1]:7".to_owned())));
        assert_eq!(parsed("--help"), Ok(Args::Help));
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(parsed("--port 7"), Err("unknown argument `--port`".to_owned()));
        assert_eq!(parsed("--addr"), Err("--addr needs an address".to_owned()));
    }
}
