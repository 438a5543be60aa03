//! What the program is told.

use crate::meter::Method;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measures what the filter costs in Envoy, beside what else checks tokens there.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Arguments {
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
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The filter beside what else checks tokens.
    Compare {
        #[arg(long, value_enum, default_value_t = Effort::Full)]
        effort: Effort,
        /// The folder whose performance.md, performance.json and performance.svg are brought up to date.
        #[arg(long)]
        docs: Option<PathBuf>,
    },
    /// How the filter's cost grows with what is configured, and with what is sent.
    Growth {
        #[arg(long, value_enum, default_value_t = Effort::Full)]
        effort: Effort,
        /// The folder whose performance.md and growth.json are brought up to date.
        #[arg(long)]
        docs: Option<PathBuf>,
    },
}

/// How thorough a measurement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Effort {
    /// What figures are made of.
    Full,
    /// Seconds: shows that everything works, and nothing else.
    Smoke,
}
