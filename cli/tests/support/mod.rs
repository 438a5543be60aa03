//! Processes for the tests of the programs.

#![expect(clippy::panic, reason = "helpers of tests, which may fail loudly")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// Long enough for a busy machine; no test waits this long when all is well.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// A process whose standard output is read line by line; killed when the test ends before it does.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines() {
                if sender.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    pub(crate) fn next_line(&mut self) -> String {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => {
                self.seen.push(line.clone());
                line
            }
            Err(error) => panic!("{error}; what it wrote: {:#?}", self.seen),
        }
    }

    pub(crate) fn wait_for_line(&mut self, text: &str) -> String {
        loop {
            let line = self.next_line();
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Sends `INT`, `TERM` or `KILL`; by the shell, because the standard library sends no signals.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for the end of the output, which is also the end of every process that has inherited it, and then of
    /// the process.
    pub(crate) fn wait(mut self) -> ExitStatus {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(error) => panic!("waiting for the end: {error}"),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is the good case.
        let _ignored = self.child.kill();
        let _ignored = self.child.wait();
    }
}
