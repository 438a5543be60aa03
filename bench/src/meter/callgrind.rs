//! Instructions that valgrind's callgrind counts while it interprets Envoy.

use super::{Meter, Reading};
use crate::{envoy::Run, scratch::Scratch};
use anyhow::{Context as _, Result, bail};
use std::{
    ffi::OsString,
    fs,
    process::{Command, Stdio},
};

/// How the files begin that callgrind writes.
const DUMP: &str = "callgrind";

/// Has BoringSSL take ADX for granted, which valgrind can interpret but does not announce: bit 19 of the second word, with
/// BMI2 in bit 8. Without it RSA takes a third more than on a processor of the last ten years.
const WITH_ADX: (&str, &str) = ("OPENSSL_ia32cap", "|0x0:|0x80100");

/// A way to run Envoy under callgrind, and to ask it.
#[derive(Debug)]
pub(crate) struct Session {
    scratch: Scratch,
    has_adx: bool,
}

impl Session {
    /// An error where valgrind is not installed.
    pub(crate) fn new() -> Result<Self> {
        for program in ["valgrind", "callgrind_control"] {
            let mut command = Command::new(program);
            let status = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            if !status.is_ok_and(|status| status.success()) {
                bail!("{program} does not run: install valgrind, or take another meter");
            }
        }
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let has_adx = processor.split_whitespace().any(|flag| flag == "adx");
        Ok(Self { scratch: Scratch::new()?, has_adx })
    }

    /// What must be known of the figures.
    pub(crate) fn note(&self) -> String {
        let lacks = if self.has_adx { "SHA-256" } else { "SHA-256, and this one has no ADX for RSA" };
        format!(
            "valgrind's processor has no instructions for {lacks}: signatures cost more than they need, for all alike"
        )
    }

    /// Envoy's start is not counted, which makes it faster.
    pub(crate) fn run(&self) -> Run {
        let out = self.scratch.path().join(DUMP);
        let mut file = OsString::from("--callgrind-out-file=");
        file.push(out);
        let words = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"];
        let variables = self.has_adx.then(|| (WITH_ADX.0.to_owned(), WITH_ADX.1.to_owned()));
        Run {
            wrapper: words.into_iter().map(OsString::from).chain([file]).collect(),
            variables: variables.into_iter().collect(),
        }
    }

    /// Begins to count.
    pub(crate) fn attach(&self, process: u32, workers: usize) -> Result<Callgrind<'_>> {
        let callgrind = Callgrind { session: self, process, workers };
        callgrind.control(&["-i", "on"])?;
        Ok(callgrind)
    }
}

/// A process that is counted.
#[derive(Debug)]
pub(crate) struct Callgrind<'a> {
    session: &'a Session,
    process: u32,
    workers: usize,
}

impl Callgrind<'_> {
    fn control(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("callgrind_control");
        command.args(arguments).arg(self.process.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().context("cannot run callgrind_control")?;
        if !status.success() {
            bail!("callgrind_control: {status}");
        }
        Ok(())
    }
}

impl Meter for Callgrind<'_> {
    fn read(&mut self) -> Result<Reading> {
        // Counts go on over dumps; setting them back does not reach all threads.
        self.control(&["-d"])?;
        let mut totals = Vec::new();
        for file in fs::read_dir(self.session.scratch.path())? {
            let path = file?.path();
            totals.extend(total(&fs::read_to_string(&path)?));
            fs::remove_file(path)?;
        }
        Ok(Reading { instructions: Some(busiest(totals, self.workers)?), ..Reading::default() })
    }
}

/// The instructions of one thread, from the file that callgrind writes about it.
fn total(dump: &str) -> Option<u64> {
    dump.lines().find(|line| line.starts_with("thread:"))?;
    dump.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

/// What the busiest threads did. Callgrind has numbers of its own for threads; but with requests to answer, nobody does more
/// than the workers.
fn busiest(mut totals: Vec<u64>, count: usize) -> Result<u64> {
    if totals.len() < count {
        bail!("callgrind has told about {} threads, not {count}", totals.len());
    }
    totals.sort_unstable();
    Ok(totals.iter().rev().take(count).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_thread_is_read() {
        let dump = "# callgrind format\nversion: 1\npid: 1\nthread: 7\n\nevents: Ir\nfn=(1)\n1 5\n\ntotals: 135904\n";
        assert_eq!(total(dump), Some(135_904));
        assert_eq!(total("version: 1\nevents: Ir\ntotals: 5\n"), None, "no thread's");
        assert_eq!(total("thread: 1\n"), None);
    }

    #[test]
    fn workers_are_the_busiest_threads() {
        assert_eq!(busiest(vec![5, 900, 1, 800], 1).unwrap(), 900);
        assert_eq!(busiest(vec![5, 900, 1, 800], 2).unwrap(), 1700);
        assert!(busiest(vec![5], 2).is_err());
    }
}
