//! What `make run` starts: a local issuer, an upstream that echoes, and Envoy with the filter between them.

mod envoy;
mod ports;
mod probe;
mod samples;
mod upstream;

use clap::Parser;
use envoy::Envoy;
use ports::Ports;
use samples::Sample;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use validate_jwt_cli::issuer::{self, Issuer};
use validate_jwt_cli::listen::{StopSignals, listen};

/// The validate-jwt filter in a real Envoy, with an identity provider and a backend to play with.
#[derive(Debug, Parser)]
#[command(name = "playground")]
struct Arguments {
    /// The Envoy program.
    #[arg(long)]
    envoy: PathBuf,
    /// Envoy's configuration.
    #[arg(long)]
    config: PathBuf,
    /// The first of four ports in a row: Envoy, issuer, upstream, Envoy's administration.
    #[arg(long, env = ports::BASE_PORT_VARIABLE, default_value_t = ports::BASE_PORT)]
    base_port: u16,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let result = match envoy::guarded_command(&arguments) {
        Some(command) => Err(envoy::become_guarded(command).into()),
        None => run(&Arguments::parse()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be told if standard error is gone.
            let _ignored = writeln!(io::stderr(), "playground: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(play(arguments));
    // Whoever stops the playground early need not wait for keys that nobody will use.
    runtime.shutdown_background();
    result
}

async fn play(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut stop = StopSignals::install()?;
    let ports = Ports::from_base(arguments.base_port)?;
    let config = envoy::Config::read(&arguments.config, &ports)?;

    say("checking the ports")?;
    let issuer = listen(ports.issuer, ports::ALTERNATIVE).await?;
    let upstream = listen(ports.upstream, ports::ALTERNATIVE).await?;
    for port in [ports.envoy, ports.admin] {
        drop(listen(port, ports::ALTERNATIVE).await?);
    }

    say("starting Envoy")?;
    let mut envoy = Envoy::start(&arguments.envoy, &config)?;
    let outcome = tokio::select! {
        failed = provide_issuer(issuer, &ports) => failed,
        failed = upstream::serve(upstream) => failed.map_err(Into::into),
        death = envoy.died() => Err(death.into()),
        () = stop.received() => Ok(()),
    };
    let stopped = envoy.stop().await;
    outcome?;
    stopped?;
    Ok(say("stopped")?)
}

/// Serves the issuer, and prints requests with its tokens once they are answered as they should be.
///
/// Its keys are made while Envoy compiles the filter; a fetch that comes before them waits in the listener's queue.
async fn provide_issuer(listener: TcpListener, ports: &Ports) -> Result<(), Box<dyn Error>> {
    say("making the issuer's keys")?;
    let issuer = Arc::new(tokio::task::spawn_blocking(Issuer::generate).await??);
    let samples = samples::all(&issuer)?;
    tokio::select! {
        failed = issuer::serve(listener, issuer) => Ok(failed?),
        failed = present(ports, &samples) => failed,
    }
}

/// Waits until good tokens pass, prints the requests, and then stays until it is dropped.
async fn present(ports: &Ports, samples: &[Sample]) -> Result<(), Box<dyn Error>> {
    say("waiting until Envoy has compiled the filter and the filter has its keys")?;
    for sample in samples.iter().filter(|sample| sample.passes()) {
        probe::wait_until_passed(ports.envoy, sample).await?;
    }
    let mut out = io::stdout().lock();
    samples::write(&mut out, ports, samples)?;
    out.flush()?;
    drop(out);
    std::future::pending().await
}

/// A line of progress; flushed, because standard output may be a pipe.
fn say(what: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "playground: {what}")?;
    out.flush()
}
