//! The command line companion of the validate-jwt filter.

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use std::error::Error;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use validate_jwt::time::Timestamp;
use validate_jwt_cli::check;
use validate_jwt_cli::clock;
use validate_jwt_cli::convert::Convert;
use validate_jwt_cli::exit::Exit;
use validate_jwt_cli::explain;
use validate_jwt_cli::input;
use validate_jwt_cli::issuer::{self, Issuer};
use validate_jwt_cli::listen::{StopSignals, listen};
use validate_jwt_cli::pages;
use validate_jwt_cli::schema::SCHEMA;

/// Companions of the validate-jwt filter.
#[derive(Debug, Parser)]
#[command(name = "validate-jwt", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What a command prints and how it ends, or what went wrong.
type Told = Result<(String, Exit), Box<dyn Error>>;

#[derive(Debug, Subcommand)]
enum Command {
    Convert(Convert),
    /// Say of configurations what the filter would say when it loads them, and what else is hardly meant.
    Check(check::Arguments),
    /// Explain what the filter makes of a request: every check, with expected and actual, and what to do.
    Explain(Box<explain::Arguments>),
    /// Print the JSON Schema (2020-12) of the configuration, by which editors complete and check it.
    Schema,
    /// Run a local OpenID issuer that publishes keys and mints tokens in the shapes of Microsoft Entra ID.
    Issuer {
        /// Address and port to listen on. It gives a token to everyone who can reach it.
        #[arg(long, default_value = "127.0.0.1:10001")]
        listen: SocketAddr,
    },
    /// Print the script that completes these commands in a shell.
    #[command(after_long_help = COMPLETIONS)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    #[command(
        after_long_help = "Examples:\n  validate-jwt man | man -l -\n  validate-jwt man explain > validate-jwt-explain.1"
    )]
    Man {
        /// The command whose page it is; without it, that of the whole.
        command: Option<String>,
    },
}

/// Where shells look for completions.
const COMPLETIONS: &str = "\
Examples:
  validate-jwt completions bash > ~/.local/share/bash-completion/completions/validate-jwt
  validate-jwt completions zsh > \"${fpath[1]}/_validate-jwt\"
  validate-jwt completions fish > ~/.config/fish/completions/validate-jwt.fish";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let told = match Arguments::try_parse() {
        Ok(arguments) => run(arguments.command).await,
        // The exit code of a wrong argument must not be that of a refused token.
        Err(error) => {
            if !error.use_stderr() {
                let _ignored = error.print();
                return Exit::Fine.into();
            }
            // It quotes the argument, which may be a token in the wrong place.
            let _ignored = write!(io::stderr(), "{}", input::without_tokens(&error.to_string()));
            return Exit::Other.into();
        }
    };
    let told = told.and_then(|(text, exit)| {
        io::stdout().write_all(text.as_bytes())?;
        Ok(exit)
    });
    match told {
        Ok(exit) => exit.into(),
        Err(error) => {
            // Nothing is left to be told if standard error is gone.
            let _ignored = writeln!(io::stderr(), "validate-jwt: {error}");
            Exit::Other.into()
        }
    }
}

async fn run(command: Command) -> Told {
    let now = Timestamp::from_secs(i64::try_from(clock::now()).unwrap_or(i64::MAX));
    match command {
        Command::Convert(convert) => convert.run(),
        Command::Check(arguments) => Ok(check::run(&arguments, now)),
        Command::Explain(arguments) => Ok(explain::run(&arguments, now)?),
        Command::Schema => Ok((SCHEMA.to_owned(), Exit::Fine)),
        Command::Completions { shell } => Ok((pages::completions(Arguments::command(), shell), Exit::Fine)),
        Command::Man { command } => Ok((pages::man(Arguments::command(), command.as_deref())?, Exit::Fine)),
        Command::Issuer { listen } => run_issuer(listen).await.map(|()| (String::new(), Exit::Fine)),
    }
}

async fn run_issuer(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = listen(address, "choose another port with --listen").await?;
    let address = listener.local_addr()?;
    let issuer = Arc::new(Issuer::generate()?);
    let mut stop = StopSignals::install()?;
    write!(
        io::stdout(),
        "\
Local OpenID issuer on http://{address}. The Host header says who is asked:
  login.microsoftonline.com  Microsoft Entra ID, v1 and v2, every tenant
  <name>.b2clogin.com        Azure AD B2C, policies B2C_1_… and B2C_1A_…
  <name>.ciamlogin.com       Microsoft Entra External ID
  any other                  a plain provider whose issuer is http://<host>

A discovery document:
  curl -H 'Host: login.microsoftonline.com' \\
    http://{address}/common/v2.0/.well-known/openid-configuration
A token (shapes: entra-v2, entra-v1, b2c, external-id, plain):
  curl http://{address}/mint -d \\
    '{{\"shape\":\"entra-v2\",\"claims\":{{\"roles\":[\"Api.Access\"]}},\"expires-in\":3600}}'

Ctrl-C stops it.
"
    )?;
    io::stdout().flush()?;
    tokio::select! {
        served = issuer::serve(listener, issuer) => Ok(served?),
        () = stop.received() => Ok(()),
    }
}
