//! `validate-jwt explain`: what the filter makes of one request, check by check, and what probably explains it.

mod case;
mod documents;
mod fetch;
mod json;
mod remedies;
mod request;
mod text;
mod told;

use crate::check::Format;
use crate::exit::Exit;
use crate::input;
use case::Case;
use clap::{Args, value_parser};
use documents::{Documents, Publisher};
use request::RequestText;
use std::io::IsTerminal as _;
use validate_jwt::config::Configuration;
use validate_jwt::explain::date;
use validate_jwt::time::Timestamp;

/// What `explain` takes.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  validate-jwt explain --config policy.json --token - --fetch <token.txt
  printf %s \"$TOKEN\" | validate-jwt explain --config policy.json --token - --keys documents.json
  validate-jwt explain --config policy.json --request request.txt --at 2026-11-22T15:45:00Z
  validate-jwt explain --config policy.json --token - --method POST --path /admin --host api.contoso.com <token.txt

Without --keys and --fetch nothing can be said of the signature, and all the rest is explained.

--keys takes what the provider publishes: an object of URLs and the documents that lie there
  { \"https://idp.example/.well-known/openid-configuration\": { … }, \"https://idp.example/keys\": { \"keys\": [ … ] } }
or a JWK set alone; then each document is taken to name as issuer what its URL says (OpenID Connect Discovery §4).

Variables that the configuration names (`…-from-env`) are read from the environment of this command.

Exit code: 0 the request passes, 2 it is refused, 3 the filter refuses the configuration, 1 it cannot be told, or anything else.
Neither the signature, nor the whole token, nor a key is ever printed; values of claims are.")]
pub struct Arguments {
    /// The filter's configuration (JSON); `-` is standard input.
    #[arg(long, value_name = "FILE")]
    config: String,
    /// The token; `-` reads it from standard input, where no other process sees it. It is put where the policy looks. Without this option, the request has it.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// The head of a request as HTTP/1 has it (or as `curl -v` prints it); `-` is standard input.
    #[arg(long, value_name = "FILE")]
    request: Option<String>,
    /// Method of the request.
    #[arg(long)]
    method: Option<String>,
    /// Path of the request, with its query.
    #[arg(long)]
    path: Option<String>,
    /// Host of the request.
    #[arg(long)]
    host: Option<String>,
    /// A header of the request, `name: value`; may be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// What the identity providers publish, from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "fetch")]
    keys: Option<String>,
    /// Fetch what the identity providers publish, from this machine: discovery documents, then keys.
    #[arg(long)]
    fetch: bool,
    /// When: RFC 3339, or seconds since 1970. Else now.
    #[arg(long, value_name = "TIME", value_parser = value_parser!(Time))]
    at: Option<Time>,
    /// How it is told.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// A point in time on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(Timestamp);

impl std::str::FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        date::parse(text)
            .map(Self)
            .ok_or("expected RFC 3339, such as 2026-11-22T15:45:00Z, or seconds since 1970")
    }
}

/// Explains the request; what is to be printed, and how to end.
pub fn run(arguments: &Arguments, now: Timestamp) -> Result<(String, Exit), String> {
    let inputs = [
        Some(&arguments.config),
        arguments.token.as_ref(),
        arguments.request.as_ref(),
        arguments.keys.as_ref(),
    ];
    if inputs.into_iter().flatten().filter(|name| *name == input::STANDARD_INPUT).count() > 1 {
        return Err("standard input (`-`) can be one thing only".to_owned());
    }
    let configuration = input::read(&arguments.config)?;
    let request = request(arguments)?;
    let publisher = match (&arguments.keys, arguments.fetch) {
        (Some(file), _) => Publisher::File(Documents::parse(&input::read(file)?)?),
        (None, true) => Publisher::Network,
        (None, false) => Publisher::Nobody,
    };
    let now = arguments.at.map_or(now, |Time(at)| at);
    let configuration = match Configuration::parse(&configuration, &|name| input::environment(name)) {
        Ok(configuration) => configuration,
        Err(error) => {
            let told = format!("{}: error: {error}\n", input::shown(&arguments.config));
            return Ok((told, Exit::BadConfiguration));
        }
    };
    let mut case = Case::new(configuration, request, publisher, now)?;
    case.obtain_keys()?;
    let is_coloured = std::io::stdout().is_terminal()
        && input::environment("NO_COLOR").is_none_or(|value| value.is_empty());
    Ok(case.tell(|told| {
        let text = match arguments.format {
            Format::Text => text::render(told, text::Palette::new(is_coloured)),
            Format::Json => json::render(told),
        };
        (text, told.exit())
    }))
}

/// The request that the arguments describe.
fn request(arguments: &Arguments) -> Result<RequestText, String> {
    let mut request = match &arguments.request {
        Some(file) => RequestText::parse(&input::read(file)?)?,
        None => RequestText::default(),
    };
    if let Some(method) = &arguments.method {
        request.method.clone_from(method);
    }
    if let Some(path) = &arguments.path {
        request.target.clone_from(path);
    }
    if let Some(host) = &arguments.host {
        request.host = Some(host.clone());
    }
    for header in &arguments.headers {
        request.add_header(header)?;
    }
    request.token = match arguments.token.as_deref() {
        Some(input::STANDARD_INPUT) => {
            let token = input::read(input::STANDARD_INPUT)?;
            Some(trimmed(&String::from_utf8_lossy(&token)))
        }
        token => token.map(trimmed),
    };
    Ok(request)
}

/// A token without the line break after it. What else looks like a blank came with it, and the filter will see it.
fn trimmed(token: &str) -> String {
    token.trim_matches([' ', '\t', '\r', '\n']).to_owned()
}

#[cfg(test)]
mod tests;
