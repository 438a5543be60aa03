//! What the program is told.

use crate::meter::Method;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measures what the filter costs in Envoy, beside what else checks tokens there.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The filter beside what else checks tokens.
    Compare(Measurement),
    /// How the filter's cost grows with what is configured, and with what is sent.
    Growth(Measurement),
    /// The page and the chart anew, from what was measured before; for who changes how they look.
    Render {
        /// The folder with performance.json and growth.json.
        #[arg(long)]
        docs: PathBuf,
    },
}

/// What is measured, and with what.
#[derive(Debug, Args)]
pub(crate) struct Measurement {
    /// The Envoy program.
    #[arg(long, env = "ENVOY")]
    pub(crate) envoy: PathBuf,
    /// The filter's module.
    #[arg(long)]
    pub(crate) filter: PathBuf,
    /// The module with the filters that do nothing, or read a header.
    #[arg(long)]
    pub(crate) floor: PathBuf,
    /// The module that verifies PS256 in two ways.
    #[arg(long)]
    pub(crate) race: PathBuf,
    /// What is measured with; without it the best that works here.
    #[arg(long, env = "BENCH_METER")]
    pub(crate) meter: Option<Method>,
    #[arg(long, value_enum, default_value_t = Effort::Full)]
    pub(crate) effort: Effort,
    /// The folder with performance.md, whose figures are replaced, as JSON and chart beside it.
    #[arg(long)]
    pub(crate) docs: Option<PathBuf>,
}

/// How thorough a measurement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Effort {
    /// What figures are made of.
    Full,
    /// Seconds: shows that everything works, and nothing else.
    Smoke,
}
