// Written by `cargo scaffold new`, once: this file is yours.
//! Calls a server, whatever it is written in. `@call@ -- help` shows how.

use std::process::ExitCode;

use @proto@;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use rust_scaffold::{
    Channel, ClientTls, JsonMessages, JsonOptions, Response, ServiceDescriptor, Status, Streaming,
    prost::Message,
};
use serde_json::{Map, Value};

#[tokio::main]
async fn main() -> ExitCode {
    match run(&command().get_matches()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(status) => {
            eprintln!("{:?}: {}", status.code(), status.message());
            ExitCode::FAILURE
        }
    }
}

/// A subcommand for each rpc.
fn command() -> Command {
    Command::new("client")
        .about("Calls the services of @package@")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(
            Arg::new("address")
                .long("address")
                .value_name("URL")
                .default_value("http://localhost:50051")
                .help("Where the server is; https:// for TLS"),
        )
        .arg(
            Arg::new("ca")
                .long("ca")
                .value_name("FILE")
                .help("The CAs to trust, in PEM, instead of those of the system"),
        )
        .subcommands([
            @commands@
        ])
}

@allow@
async fn run(arguments: &ArgMatches) -> Result<(), Status> {
    let channel = connect(arguments)?;
    let Some((name, arguments)) = arguments.subcommand() else { return Ok(()) };
    match name {
        @calls@
        _ => Ok(()),
    }
}

fn connect(arguments: &ArgMatches) -> Result<Channel, Status> {
    let text = |name| arguments.get_one::<String>(name).map_or("", String::as_str);
    let channel = Channel::builder(text("address"));
    let channel = match text("ca") {
        "" => channel,
        ca => channel.tls(ClientTls::new().ca(ca)),
    };
    Ok(channel.connect_lazy()?)
}

/// A subcommand that takes the fields of a request, with their types, or all of it as JSON.
fn rpc(name: &'static str, about: &'static str, fields: &[(&'static str, &'static str)]) -> Command {
    let field = |&(name, kind): &(&'static str, &'static str)| {
        let argument = Arg::new(name).long(name).value_name(kind);
        let argument = argument.allow_negative_numbers(true).conflicts_with("json");
        match kind {
            "bool" => argument.value_parser(value_parser!(bool)),
            _ => argument,
        }
    };
    Command::new(name).about(about).args(fields.iter().map(field)).arg(
        Arg::new("json")
            .long("json")
            .value_name("MESSAGE")
            .action(ArgAction::Append)
            .help("The request as JSON; of a stream of requests, each of them"),
    )
}

/// A call: its messages, and what the command line says of them.
struct Rpc<'a> {
    name: &'static str,
    messages: JsonMessages,
    arguments: &'a ArgMatches,
}

#[allow(dead_code, reason = "there need not be calls of all kinds")]
impl<'a> Rpc<'a> {
    fn new(
        service: &ServiceDescriptor,
        name: &'static str,
        arguments: &'a ArgMatches,
    ) -> Result<Self, Status> {
        let messages = JsonMessages::new(service, JsonOptions::new())?;
        Ok(Self { name, messages, arguments })
    }

    fn request<M: Message + Default>(&self) -> Result<M, Status> {
        let json = self.json().last().cloned();
        self.read(&json.unwrap_or_else(|| self.fields()))
    }

    fn requests<M: Message + Default + 'static>(&self) -> Result<Streaming<M>, Status> {
        let requests = self.json().map(|json| self.read(json));
        Ok(Streaming::from_iter(requests.collect::<Result<Vec<_>, _>>()?))
    }

    fn print<M: Message>(&self, response: Response<M>) -> Result<(), Status> {
        println!("{}", self.messages.write_response(self.name, response.get_ref())?);
        Ok(())
    }

    async fn print_all<M: Message>(&self, response: Response<Streaming<M>>) -> Result<(), Status> {
        let mut responses = response.into_inner();
        while let Some(response) = responses.message().await? {
            self.print(Response::new(response))?;
        }
        Ok(())
    }

    fn read<M: Message + Default>(&self, json: &str) -> Result<M, Status> {
        self.messages.read_request(self.name, json)
    }

    fn json(&self) -> impl Iterator<Item = &'a String> {
        self.arguments.get_many("json").into_iter().flatten()
    }

    /// The fields that the command line has, as JSON, which takes numbers as text, too.
    fn fields(&self) -> String {
        let names = self.arguments.ids().map(clap::Id::as_str);
        let fields = names.map(|name| {
            let value = match self.arguments.try_get_one::<bool>(name) {
                Ok(value) => value.copied().map(Value::Bool),
                Err(_) => self.arguments.get_one::<String>(name).cloned().map(Value::String),
            };
            (name.to_owned(), value.unwrap_or_default())
        });
        Value::Object(Map::from_iter(fields)).to_string()
    }
}
