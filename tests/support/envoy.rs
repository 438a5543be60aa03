//! A real Envoy with the built module in it.
//!
//! When it ends, whatever the test was about, it must be in good health and must not have told anybody a secret.

use super::access_log::AccessLog;
use super::artifacts;
use super::bootstrap::{Setup, Surroundings};
use super::deadline::{PATIENCE, poll, wait_for};
use super::http_client::{Connection, Request, Response, exchange};
use super::http2_client;
use super::mortal_module;
use super::scratch::Scratch;
use super::secrets::Secrets;
use super::upstream::{MARK, REQUEST_ID, Upstream};
use super::xds::{self, Update};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How long Envoy may take to start, or to find that it cannot: it compiles the module with all cores, which others may be
/// using as well.
const STARTING: Duration = Duration::from_mins(2);

/// A running Envoy.
#[derive(Debug)]
pub(crate) struct Envoy {
    process: Child,
    admin: SocketAddr,
    listeners: Mutex<BTreeMap<String, SocketAddr>>,
    access_log: AccessLog,
    log: PathBuf,
    requests: AtomicUsize,
    watch: Mutex<Watch>,
    machines: u64,
    is_watched: bool,
    is_mortal: bool,
    upstream: Upstream,
    // After the process, which writes into it.
    scratch: Scratch,
}

/// What must not come out, and where it could.
#[derive(Debug, Default)]
struct Watch {
    secrets: Secrets,
    answers: Vec<Vec<u8>>,
}

/// A request that was sent and not answered yet.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) id: String,
    pub(crate) connection: Connection,
}

/// An answer, and who gave it.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) id: String,
    pub(crate) response: Response,
    pub(crate) by_upstream: bool,
}

impl Envoy {
    /// Starts Envoy and waits until it serves.
    pub(crate) fn start(setup: &Setup) -> Self {
        let scratch = Scratch::new();
        let upstream = Upstream::start();
        let access_log = AccessLog::new(scratch.file("access.log"));
        let log = scratch.file("envoy.log");
        let configuration = write_bootstrap(&scratch, setup, upstream.address(), &access_log);
        let admin_file = scratch.file("admin");
        let mut process = command(&configuration)
            .args(["--concurrency", &setup.worker_count().to_string()])
            .arg("--admin-address-path")
            .arg(&admin_file)
            .args(setup.overlay().into_iter().flat_map(|overlay| ["--config-yaml", overlay]))
            .args(drain_arguments(setup))
            .envs(setup.environment_of_proxy())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();

        let started = poll(STARTING, || {
            if let Some(status) = process.try_wait().unwrap() {
                return Some(Err(status));
            }
            let admin = fs::read_to_string(&admin_file).ok()?.trim().parse().ok()?;
            let ready = exchange(admin, &Request::get("/ready")).ok()?;
            (ready.status == 200).then_some(Ok(admin))
        });
        let admin = match started {
            Some(Ok(admin)) => admin,
            outcome => {
                let _gone_already = process.kill();
                let _status = process.wait();
                panic!("Envoy did not start ({outcome:?}); its log ends:\n{}", tail(&log));
            }
        };
        let machines = machines(admin);
        let listeners = Mutex::new(listeners(admin));
        let (requests, watch) = (AtomicUsize::new(0), Mutex::default());
        let (is_watched, is_mortal) = (setup.is_watched(), setup.is_mortal());
        Self {
            process,
            admin,
            listeners,
            access_log,
            log,
            requests,
            watch,
            machines,
            is_watched,
            is_mortal,
            upstream,
            scratch,
        }
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    pub(crate) fn access_log(&self) -> &AccessLog {
        &self.access_log
    }

    /// Where Envoy tells about itself.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The counters and gauges whose name holds this text.
    pub(crate) fn statistics(&self, filter: &str) -> BTreeMap<String, u64> {
        statistics(self.admin, filter)
    }

    /// How much of the machine's memory the process has; `None` on systems that do not say so in `/proc`.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes * 1024)
    }

    /// Envoy's own log so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Names a key that must never come out; tokens of requests are watched anyway.
    pub(crate) fn keep_secret(&self, secret: &str) {
        self.watch.lock().unwrap().secrets.add(secret.as_bytes());
    }

    /// Sends a request and reads the answer.
    pub(crate) fn send(&self, listener: &str, request: Request) -> Answered {
        self.finish(self.begin(listener, request))
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn begin(&self, listener: &str, request: Request) -> Pending {
        self.begin_at(Connection::open(self.address(listener)).unwrap(), request)
    }

    /// Sends requests without waiting for their answers, each over a connection of its own that was open before any was sent.
    pub(crate) fn begin_all(&self, listener: &str, requests: Vec<Request>) -> Vec<Pending> {
        let open = |request| (Connection::open(self.address(listener)).unwrap(), request);
        let opened: Vec<_> = requests.into_iter().map(open).collect();
        opened.into_iter().map(|(connection, request)| self.begin_at(connection, request)).collect()
    }

    fn begin_at(&self, mut connection: Connection, request: Request) -> Pending {
        let id = self.requests.fetch_add(1, Ordering::Relaxed).to_string();
        {
            let mut watch = self.watch.lock().unwrap();
            request.secrets().iter().for_each(|secret| watch.secrets.add(secret));
        }
        connection.write(&request.header(REQUEST_ID, &id).to_bytes()).unwrap();
        Pending { id, connection }
    }

    /// Sends a request over HTTP/2, with a body or without; gives its id and the status.
    pub(crate) fn send_http2(
        &self,
        listener: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> (String, u16) {
        let id = self.requests.fetch_add(1, Ordering::Relaxed).to_string();
        let headers: Vec<_> = headers.iter().copied().chain([(REQUEST_ID, id.as_str())]).collect();
        let status = http2_client::exchange(self.address(listener), &headers, body);
        (id, status)
    }

    /// Where a listener listens.
    pub(crate) fn address(&self, listener: &str) -> SocketAddr {
        let known = self.listeners.lock().unwrap().get(listener).copied();
        known.unwrap_or_else(|| panic!("no listener `{listener}`"))
    }

    /// Reads the answer of a request that was sent.
    pub(crate) fn finish(&self, pending: Pending) -> Answered {
        let Pending { id, mut connection } = pending;
        let response = connection.read_response();
        let response = response.unwrap_or_else(|error| panic!("answer to request {id}: {error}"));
        let by_upstream = response.headers.get(MARK).is_some();
        if !by_upstream {
            let mut text = response.body.clone();
            for (name, value) in response.headers.iter() {
                text.extend_from_slice(name.as_bytes());
                text.extend_from_slice(value);
            }
            self.watch.lock().unwrap().answers.push(text);
        }
        Answered { id, response, by_upstream }
    }

    /// Replaces the files in which another setup differs, and waits until Envoy has accepted or refused them all. What
    /// it accepted is at work in its threads a moment later.
    pub(crate) fn update(&self, setup: &Setup) -> Update {
        let module = module(&self.scratch, setup);
        let around =
            Surroundings { module: &module, access_log: &self.access_log, directory: self.scratch.path() };
        let outcome = xds::update(self.admin, self.scratch.path(), &setup.watched_files(around));
        *self.listeners.lock().unwrap() = listeners(self.admin);
        outcome
    }

    /// The names of the listeners that are open.
    pub(crate) fn open_listeners(&self) -> Vec<String> {
        self.listeners.lock().unwrap().keys().cloned().collect()
    }

    /// Gives Envoy the changing clusters of another setup, in place of all that it had.
    pub(crate) fn replace_clusters(&self, setup: &Setup) {
        let outcome = xds::update(self.admin, self.scratch.path(), &[setup.clusters_file()]);
        assert_eq!(outcome, Update::Accepted);
    }

    /// `%RESPONSE_CODE_DETAILS%` of a request.
    pub(crate) fn details(&self, id: &str) -> String {
        self.access_log.entry(id).details
    }

    /// The end of the log, for a test's own failure message.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// Everything that is wrong with the life that ends now.
    fn end(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        let machines = machines(self.admin);
        // Envoy tries every new configuration in a VM of its own, and says much when that refuses it.
        let is_constant = !self.is_watched && !self.is_mortal;
        if machines != self.machines && is_constant {
            wrong.push(format!("{} VMs at the start, {machines} at the end: one died", self.machines));
        }
        let asked = exchange(self.admin, &Request::new("POST", "/quitquitquit").body(""));
        let ended = asked.is_ok().then(|| poll(PATIENCE, || self.process.try_wait().unwrap())).flatten();
        match ended {
            Some(status) if status.success() => {}
            Some(status) => wrong.push(format!("Envoy ended with {status}")),
            None => wrong.push("Envoy did not end when asked".to_owned()),
        }
        let log = self.log();
        let mut bad_words = vec!["panicked at", "unexpected status:"];
        if is_constant {
            bad_words.extend(["][critical][", "Wasm VM failed"]);
        }
        if !self.is_mortal {
            bad_words.push("RuntimeError");
        }
        wrong.extend(
            log.lines()
                .filter(|line| bad_words.iter().any(|word| line.contains(word)))
                .map(|line| format!("Envoy's log: {line}")),
        );
        wrong.extend(
            (self.access_log.entries().iter())
                .filter(|entry| !self.is_mortal && entry.details.contains("wasm_fail_stream"))
                .map(|entry| format!("access log: {entry:?}")),
        );
        let watch = self.watch.get_mut().unwrap();
        let mut look_into = |place: &str, text: &[u8]| {
            if let Some(at) = watch.secrets.find_in(text) {
                let around = &text[at.saturating_sub(80)..text.len().min(at + 80)];
                wrong.push(format!("{place} holds a secret: …{}…", String::from_utf8_lossy(around)));
            }
        };
        look_into("Envoy's log", log.as_bytes());
        look_into("the access log", self.access_log.text().as_bytes());
        watch.answers.iter().for_each(|answer| look_into("an answer of the filter", answer));
        wrong
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if thread::panicking() {
            let _gone_already = self.process.kill();
            let _status = self.process.wait();
            eprintln!("Envoy's log in {} ends:\n{}", self.scratch.path().display(), tail(&self.log));
            return;
        }
        let wrong = self.end();
        let _gone_already = self.process.kill();
        let _status = self.process.wait();
        assert!(wrong.is_empty(), "{}\nEnvoy's log ends:\n{}", wrong.join("\n"), tail(&self.log));
    }
}

/// How an Envoy ended that could not start.
#[derive(Debug)]
pub(crate) struct Exit {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
}

/// Starts Envoy with a setup that should stop it, or lets it only look at the setup.
pub(crate) fn run_to_end(setup: &Setup, only_validate: bool) -> Exit {
    let scratch = Scratch::new();
    let access_log = AccessLog::new(scratch.file("access.log"));
    let nowhere = ([127, 0, 0, 1], 9).into();
    let configuration = write_bootstrap(&scratch, setup, nowhere, &access_log);
    let mut command = command(&configuration);
    command.args(["--concurrency", &setup.worker_count().to_string()]);
    if only_validate {
        command.args(["--mode", "validate"]);
    }
    run(&scratch, command)
}

/// Lets Envoy look at a configuration file of the project.
pub(crate) fn validate_file(configuration: &Path) -> Exit {
    let scratch = Scratch::new();
    let mut command = command(configuration);
    command.args(["--mode", "validate"]);
    run(&scratch, command)
}

fn run(scratch: &Scratch, mut command: Command) -> Exit {
    let log = scratch.file("envoy.log");
    let output = File::create(&log).unwrap();
    let mut process = command.stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
    let status = poll(STARTING, || process.try_wait().unwrap());
    let status = status.unwrap_or_else(|| {
        let _gone_already = process.kill();
        let _status = process.wait();
        panic!("Envoy went on running; its log ends:\n{}", tail(&log));
    });
    Exit { status, output: fs::read_to_string(&log).unwrap() }
}

fn command(configuration: &Path) -> Command {
    let mut command = Command::new(artifacts::envoy());
    // The filter's own log at its most talkative, because what it says is searched for secrets.
    command
        .args(["--disable-hot-restart", "--log-level", "info"])
        .args(["--component-log-level", "wasm:debug", "--file-flush-interval-msec", "20"])
        .arg("--config-path")
        .arg(configuration)
        .current_dir(artifacts::project())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn drain_arguments(setup: &Setup) -> Vec<String> {
    let arguments = |seconds: u64| {
        ["--drain-time-s", &seconds.to_string(), "--drain-strategy", "immediate"].map(str::to_owned)
    };
    setup.drain_seconds().map(arguments).into_iter().flatten().collect()
}

fn write_bootstrap(
    scratch: &Scratch,
    setup: &Setup,
    upstream: SocketAddr,
    access_log: &AccessLog,
) -> PathBuf {
    let path = scratch.file("envoy.json");
    let module = module(scratch, setup);
    let around = Surroundings { module: &module, access_log, directory: scratch.path() };
    for file in setup.watched_files(around) {
        file.write(scratch.path());
    }
    fs::write(&path, setup.document(around, upstream).to_string()).unwrap();
    path
}

/// The module that a setup takes.
fn module(scratch: &Scratch, setup: &Setup) -> PathBuf {
    if let Some(other) = setup.other_module() {
        return other.to_owned();
    }
    let shipped = artifacts::module();
    if !setup.is_mortal() {
        return shipped;
    }
    let copy = scratch.file("mortal.wasm");
    fs::write(&copy, mortal_module::mortal(&fs::read(shipped).unwrap())).unwrap();
    copy
}

fn listeners(admin: SocketAddr) -> BTreeMap<String, SocketAddr> {
    let response = exchange(admin, &Request::get("/listeners?format=json")).unwrap();
    let document: Value = serde_json::from_slice(&response.body).unwrap();
    let statuses = document["listener_statuses"].as_array().into_iter().flatten();
    statuses
        .map(|listener| {
            let port = &listener["local_address"]["socket_address"]["port_value"];
            let port = u16::try_from(port.as_u64().unwrap()).unwrap();
            (listener["name"].as_str().unwrap().to_owned(), ([127, 0, 0, 1], port).into())
        })
        .collect()
}

/// How many VMs were ever made; none, where the only plugin was refused.
fn machines(admin: SocketAddr) -> u64 {
    let name = "wasm.envoy.wasm.runtime.v8.created";
    statistics(admin, name).get(name).copied().unwrap_or_default()
}

pub(super) fn statistics(admin: SocketAddr, filter: &str) -> BTreeMap<String, u64> {
    let path = format!("/stats?filter={filter}");
    let response = wait_for("Envoy's statistics", || exchange(admin, &Request::get(&path)).ok());
    let text = response.text();
    text.lines()
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("[info][main]")).collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
