//! `validate-jwt check`: what the filter would say of a configuration when it loads it, and what else is hardly meant.

mod remedies;
mod warnings;

use crate::exit::Exit;
use crate::input;
use clap::Args;
use rand_core::OsRng;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use validate_jwt::config::{Configuration, Environment};
use validate_jwt::time::Timestamp;

/// What `check` takes.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = "\
Examples:
  validate-jwt check policy.json
  validate-jwt check --assume-env filter-config/*.json
  validate-jwt convert policy.xml | validate-jwt check -

Exit code: 0 the filter takes every configuration, with warnings or without; 3 it refuses one; 1 one cannot be read, or anything \
else.")]
pub struct Arguments {
    /// Configurations of the filter (JSON); `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Take variables for set that are not: a new secret or private key stands in for each `…-from-env`, which is else read from
    /// the environment of this command. A private key that stands beside its certificate must be set.
    #[arg(long)]
    assume_env: bool,
    /// How it is told.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How a result is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For scripts: one JSON document.
    Json,
}

/// What is to be said of one place of a configuration that the filter takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Its JSON path.
    pub path: String,
    /// What is the matter.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

/// Whether the filter would take a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would.
    Loads,
    /// It would not, and says this.
    Refused(String),
    /// There is no telling: it cannot be read.
    Unreadable(String),
}

impl Verdict {
    /// How a command ends that found this.
    fn exit(&self) -> Exit {
        match self {
            Self::Loads => Exit::Fine,
            Self::Refused(_) => Exit::BadConfiguration,
            Self::Unreadable(_) => Exit::Other,
        }
    }

    fn problem(&self) -> Option<&str> {
        match self {
            Self::Loads => None,
            Self::Refused(problem) | Self::Unreadable(problem) => Some(problem),
        }
    }
}

/// What was found in one configuration.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it is called.
    pub name: String,
    /// Whether the filter would take it.
    pub verdict: Verdict,
    /// What is allowed but hardly meant.
    pub warnings: Vec<Warning>,
    /// The variables that were taken for set.
    pub assumed: Vec<String>,
}

/// Checks every file; what is to be printed, and how to end. What cannot be read keeps nobody from hearing of the others.
pub fn run(arguments: &Arguments, now: Timestamp) -> (String, Exit) {
    let report = |file: &String| {
        let name = input::shown(file);
        match input::read(file) {
            Ok(text) => check(&name, &text, &|name| input::environment(name), arguments.assume_env, now),
            Err(problem) => {
                let problem = problem.strip_prefix(&format!("{name}: ")).unwrap_or(&problem).to_owned();
                Report::of(name, Verdict::Unreadable(problem))
            }
        }
    };
    let reports: Vec<_> = arguments.files.iter().map(report).collect();
    let exits = || reports.iter().map(|report| report.verdict.exit());
    let exit =
        [Exit::BadConfiguration, Exit::Other].into_iter().find(|exit| exits().any(|known| known == *exit));
    let told = match arguments.format {
        Format::Text => reports.iter().map(Report::text).collect(),
        Format::Json => {
            let reports: Vec<_> = reports.iter().map(Report::json).collect();
            format!("{:#}\n", json!({ "files": reports }))
        }
    };
    (told, exit.unwrap_or(Exit::Fine))
}

/// Checks the text of one configuration, by the filter's own parser. With `assume`, a variable that `environment` does not have
/// is a secret that every algorithm takes.
pub fn check(name: &str, text: &[u8], environment: Environment<'_>, assume: bool, now: Timestamp) -> Report {
    let written: Value = serde_json::from_slice(text).unwrap_or_default();
    let mut assumed = if assume { variables(&written) } else { BTreeMap::new() };
    assumed.retain(|name, _| environment(name).is_none());
    let with_assumed =
        |name: &str| environment(name).or_else(|| assumed.get(name).and_then(|kind| kind.stand_in()));
    let parsed = Configuration::parse(text, &with_assumed);
    let (verdict, warnings) = match parsed {
        Err(error) => (Verdict::Refused(error.to_string()), Vec::new()),
        Ok(configuration) => (Verdict::Loads, warnings::of(&configuration, &written, now)),
    };
    Report { warnings, assumed: assumed.into_keys().collect(), ..Report::of(name, verdict) }
}

/// What a variable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Secret,
    PrivateKey,
}

impl Kind {
    /// 64 bytes in Base64, long enough for HS512 and of a length that content encryption takes; or a new private key, which
    /// belongs to no certificate.
    fn stand_in(self) -> Option<String> {
        match self {
            Self::Secret => Some(format!("{}==", "A".repeat(86))),
            Self::PrivateKey => {
                let key = RsaPrivateKey::new(&mut OsRng, 2048).ok()?;
                key.to_pkcs8_pem(LineEnding::LF).ok().map(|pem| pem.to_string())
            }
        }
    }
}

/// The variables that are to hold secrets, wherever they are named.
fn variables(written: &Value) -> BTreeMap<String, Kind> {
    let mut found = BTreeMap::new();
    match written {
        Value::Object(members) => {
            for (member, kind) in
                [("value-from-env", Kind::Secret), ("private-key-from-env", Kind::PrivateKey)]
            {
                let name = members.get(member).and_then(Value::as_str);
                found.extend(name.map(|name| (name.to_owned(), kind)));
            }
            found.extend(members.values().flat_map(variables));
        }
        Value::Array(elements) => found.extend(elements.iter().flat_map(variables)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

impl Report {
    fn of(name: impl Into<String>, verdict: Verdict) -> Self {
        Self { name: name.into(), verdict, warnings: Vec::new(), assumed: Vec::new() }
    }

    /// For people: a line for the file, and two for each warning.
    fn text(&self) -> String {
        let mut text = String::new();
        let name = &self.name;
        let verdict = self.verdict.problem().map_or_else(
            || match self.warnings.len() {
                0 => "ok".to_owned(),
                1 => "ok, with a warning".to_owned(),
                many => format!("ok, with {many} warnings"),
            },
            |problem| format!("error: {problem}"),
        );
        let _infallible = writeln!(text, "{name}: {verdict}");
        for Warning { path, problem, remedy } in &self.warnings {
            let _infallible = writeln!(text, "{name}: warning: {path}: {problem}\n  remedy: {remedy}");
        }
        // A private key that was made up belongs to no certificate.
        let meaning = if matches!(self.verdict, Verdict::Refused(_)) {
            "what stands in for it may be why: set it to be sure"
        } else {
            "taken for a good one"
        };
        for variable in &self.assumed {
            let _infallible = writeln!(text, "{name}: note: `{variable}` is not set; {meaning}");
        }
        text
    }

    /// For scripts.
    fn json(&self) -> Value {
        let warnings: Vec<_> = self
            .warnings
            .iter()
            .map(|warning| json!({ "path": warning.path, "problem": warning.problem, "remedy": warning.remedy }))
            .collect();
        json!({
            "file": self.name,
            "loads": self.verdict == Verdict::Loads,
            "error": self.verdict.problem(),
            "warnings": warnings,
            "assumed": self.assumed,
        })
    }
}

#[cfg(test)]
mod tests;
