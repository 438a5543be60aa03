//! Several VMs of one process: each has a store, and they share data.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use super::*;

mod disturbed;
mod rules;
mod turns;
mod updates;

/// The data that the VMs share.
#[derive(Debug, Default)]
struct Board {
    entries: RefCell<BTreeMap<String, Entry>>,
    checks: RefCell<u32>,
    /// How many writes of records are to meet another's.
    conflicts: RefCell<usize>,
}

impl SharedData for Board {
    fn read(&self, name: &str) -> Option<Entry> {
        self.entries.borrow().get(name).cloned()
    }

    fn write(&self, name: &str, value: &[u8], check: Check) -> Written {
        let mut entries = self.entries.borrow_mut();
        let current = entries.get(name).map(|entry| entry.check);
        let is_allowed = match check {
            Check::Any => true,
            Check::Absent => current.is_none(),
            Check::Unchanged(check) => current == Some(check),
        };
        if name.ends_with("/record") && *self.conflicts.borrow() > 0 {
            *self.conflicts.borrow_mut() -= 1;
            return Written::Conflict;
        }
        if !is_allowed {
            return Written::Conflict;
        }
        *self.checks.borrow_mut() += 1;
        entries.insert(name.to_owned(), Entry { value: value.to_vec(), check: *self.checks.borrow() });
        Written::Stored
    }
}

impl Board {
    fn names(&self, end: &str) -> Vec<String> {
        self.entries.borrow().keys().filter(|name| name.ends_with(end)).cloned().collect()
    }

    /// Writes over every entry whose name ends so.
    fn spoil(&self, end: &str, value: &[u8]) {
        for name in self.names(end) {
            self.write(&name, value, Check::Any);
        }
    }
}

/// One process.
struct Process {
    board: Rc<Board>,
    vms: Vec<World>,
    started: u64,
}

const PLUGIN: &[&str] = &["orders", "root"];

impl Process {
    fn of(count: usize) -> Self {
        let mut process = Self { board: Rc::default(), vms: Vec::new(), started: 0 };
        for _ in 0..count {
            process.start_vm(PLUGIN, settings("idp.example", Schedule::default()));
        }
        process
    }

    /// Starts a VM with this provider and gives its number.
    fn start_vm(&mut self, plugin: &[&str], settings: ProviderSettings) -> usize {
        self.started += 1;
        let sharing = Sharing::new(self.board.clone(), plugin, self.started);
        let mut world = World::new();
        if let Some(running) = self.vms.last() {
            world.now = running.now;
        }
        world.store = KeyStore::new(vec![settings], self.started, 1024).sharing(sharing);
        world.store.learn(world.now);
        self.vms.push(world);
        self.vms.len() - 1
    }

    /// Every VM's timer runs out.
    fn tick(&mut self) {
        for vm in &mut self.vms {
            vm.tick();
        }
    }

    /// Time passes for all of them, in steps of 100 ms.
    fn pass(&mut self, duration: Duration) {
        for _ in 0..duration.as_millis() / 100 {
            for vm in &mut self.vms {
                vm.now = vm.now.after(Duration::from_millis(100));
            }
            self.tick();
        }
    }

    /// The fetches under way, as numbers of the VMs that sent them.
    fn fetching(&self) -> Vec<usize> {
        (0..self.vms.len()).filter(|vm| !self.vms[*vm].fetches.is_empty()).collect()
    }

    /// The provider answers the one VM that asked; a tick later all know.
    fn serve(&mut self, key_id: &str) {
        self.tick();
        let [vm] = self.fetching()[..] else { panic!("{:?} fetch", self.fetching()) };
        self.vms[vm].ok(&discovery(ISSUER, "https://idp.example/keys"));
        self.tick();
        assert_eq!(self.fetching(), [vm], "the same VM asks for the keys, and no other one");
        self.vms[vm].ok(&key_set(key_id));
        self.tick();
        assert!(self.fetching().is_empty());
    }

    /// The provider is away, for the one VM that asked.
    fn fail(&mut self) {
        self.tick();
        let [vm] = self.fetching()[..] else { panic!("{:?} fetch", self.fetching()) };
        self.vms[vm].answer(Err(FetchFault::Broken));
        self.tick();
    }

    fn reports(&self) -> usize {
        self.vms.iter().map(|vm| vm.reports.len()).sum()
    }

    /// The provider answers whoever asks, with this issuer and its keys there; gives how often it was asked.
    fn serve_all(&mut self, issuer: &str, keys: &str) -> usize {
        let mut asked = 0;
        for vm in &mut self.vms {
            while let Some(fetch) = vm.fetches.first() {
                if fetch.url.to_string().ends_with("openid-configuration") {
                    asked += 1;
                    vm.ok(&discovery(issuer, keys));
                } else {
                    vm.ok(&key_set("a"));
                }
            }
        }
        asked
    }

    /// Whether every VM has this key and no other.
    fn all_have(&self, key_id: &str) -> bool {
        self.vms.iter().all(|vm| vm.key_ids() == Some(vec![key_id.to_owned()]))
    }
}
