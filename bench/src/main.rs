//! What the filter costs, measured beside what else checks tokens in Envoy.

mod arguments;
mod authorizer;
mod bootstrap;
mod chart;
mod clock;
mod compare;
mod contestant;
mod envoy;
mod figures;
mod footprint;
mod growth;
mod http;
mod load;
mod machine;
mod meter;
mod pages;
mod provider;
mod report;
mod sample;
mod scratch;
mod table;
mod target;
mod terminal;
mod tokens;

use anyhow::Result;
use arguments::{Arguments, Command};
use clap::Parser as _;
use std::{
    io::{self, Write as _},
    process::ExitCode,
};

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be told if standard error is gone.
            let _ignored = writeln!(io::stderr(), "bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Compare(measurement) => {
            let report = compare::run(measurement)?;
            terminal::print(&format!("\n{}", table::render(&report)))?;
            measurement.docs.as_deref().map_or(Ok(()), |docs| pages::write_comparison(docs, &report))
        }
        Command::Growth(measurement) => {
            let growth = growth::run(measurement)?;
            terminal::print(&format!("\n{}", growth::render(&growth)))?;
            measurement.docs.as_deref().map_or(Ok(()), |docs| pages::write_growth(docs, &growth))
        }
        Command::Render { docs } => pages::render(docs),
    }
}
