//! The table of cases in `tests/cases/`: policy, token and request, and what must come of them.
//!
//! The native core and a real Envoy both go through all of it by [`try_all`], which knows no way to leave a case out.

pub(crate) mod authorities;
pub(crate) mod encryption;
pub(crate) mod format;
pub(crate) mod request;
pub(crate) mod token;
pub(crate) mod verdict;

use authorities::World;
use format::{Case, CaseFile};
use request::Sent;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use verdict::Observed;

/// Where the cases are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// Everybody who signs, and every case.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) world: World,
    pub(crate) files: Vec<CaseFile>,
}

/// One policy of the table, ready to be given to the build under test.
#[derive(Debug)]
pub(crate) struct Plugin {
    /// File and name, by which [`try_all`] asks for it.
    pub(crate) name: String,
    /// The plugin's configuration as text.
    pub(crate) configuration: String,
}

impl Table {
    pub(crate) fn load() -> Self {
        Self { world: World::load(), files: CaseFile::load_all() }
    }

    pub(crate) fn plugins(&self) -> Vec<Plugin> {
        let of_file = |file: &CaseFile| {
            let plugin = |(name, setting): (&String, &format::Setting)| Plugin {
                name: plugin_name(file, name),
                configuration: self.world.configuration(&setting.plugin),
            };
            file.configurations.iter().map(plugin).collect::<Vec<_>>()
        };
        self.files.iter().flat_map(of_file).collect()
    }

    /// Sends the request of every case to `decide`, with the name of its plugin, and tells all that came out wrong.
    pub(crate) fn try_all(&self, mut decide: impl FnMut(&str, &Sent) -> Observed) -> Vec<String> {
        let mut wrong = Vec::new();
        for file in &self.files {
            for case in &file.cases {
                let setting = file.setting(case);
                let sent = Sent::new(&self.world, file, case, now());
                let observed = decide(&plugin_name(file, &case.configuration), &sent);
                if let Err(fault) = verdict::judge(setting, case, &sent, &observed) {
                    wrong.push(format!("{}: {}: {fault}", place(file, case), case.name));
                }
            }
        }
        wrong
    }
}

fn plugin_name(file: &CaseFile, configuration: &str) -> String {
    format!("{}.{configuration}", file.name)
}

fn place(file: &CaseFile, case: &Case) -> String {
    format!("{}.json ({})", file.name, case.configuration)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since_1970.as_secs()).unwrap()
}
