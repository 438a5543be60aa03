mod neighbour;
mod recovery;

use super::{PUBLISHED, Place, fill_in, payload_or_usual};
use crate::{
    input::{Choices, fields},
    mint,
    provider::{good_answer, head_of_answer},
    proxy::{self, HostVerifies, Phase, Response},
    signers::{ED25519, NEXT, RSA, SIGNERS},
    vm::Vm,
};
use recovery::Usual;

/// The most that happens in one run.
const MAX_STEPS: usize = 64;

/// Requests beyond these would only be more of the same.
const MAX_REQUESTS: usize = 24;

/// As many ticks as there are plugins must fit into a step of time.
const MAX_PLUGINS: usize = 4;

/// steps, configuration, another one, JOSE header, payload, document.
pub fn filter(input: &[u8]) {
    let [steps, first, second, header, payload, document] = fields(input);
    let steps = Choices::new(steps);
    let configurations = [fill_in(first), fill_in(second)];
    let payload = payload_or_usual(payload, "https://idp.example");
    let document = fill_in(document);
    Vm::run(|vm| {
        let (root, requests, usual) = (0, Vec::new(), Usual::default());
        Story { vm, steps, configurations, header, payload, document, root, requests, usual }.tell();
    });
}

/// What happens to the filter, step by step.
struct Story<'i, 'v> {
    vm: &'v mut Vm,
    steps: Choices<'i>,
    configurations: [Vec<u8>; 2],
    header: &'i [u8],
    payload: Vec<u8>,
    document: Vec<u8>,
    /// The plugin to which requests come.
    root: u32,
    requests: Vec<u32>,
    /// What the last request was like that had a genuine token.
    usual: Usual,
}

impl Story<'_, '_> {
    fn tell(mut self) {
        let kind = self.steps.byte();
        proxy::with(|proxy| {
            proxy.faults.host_verifies = match kind {
                250 => HostVerifies::Everything,
                251 => HostVerifies::EveryOther,
                252 => HostVerifies::Garbage,
                1 | 128..=249 => HostVerifies::WellAndTruly,
                _ => HostVerifies::Nothing,
            };
            if kind == 253 {
                proxy.name = vec![0xff, b'a', b'.', 0];
            }
        });
        let [first, second] = self.configurations.clone();
        let Some(root) = self.vm.configure(&first, &first).or_else(|| self.vm.configure(&second, &second))
        else {
            return;
        };
        self.root = root;
        for _ in 0..MAX_STEPS {
            if self.steps.is_empty() {
                break;
            }
            self.step();
        }
        proxy::with(|proxy| (proxy.faults.edit, proxy.faults.head, proxy.faults.shared) = (0, None, 0));
        self.vm.settle(&|callout| good_answer(callout, &PUBLISHED));
        for id in &self.requests {
            assert_ne!(self.vm.phase(*id), Some(Phase::Fresh), "a request that nobody decided");
        }
        self.usual.must_pass_in_the_end(self.vm, self.root, self.header, &self.payload);
    }

    fn step(&mut self) {
        match self.steps.byte() % 16 {
            0 => self.request(),
            1 => self.hostile_request(),
            2 => {
                if let Some(id) = self.pick_request() {
                    let (is_trailers, is_end) = (self.steps.flag(), self.steps.flag());
                    self.vm.body(id, is_trailers, is_end);
                }
            }
            3 => {
                if let Some(id) = self.pick_request() {
                    self.vm.leave(id);
                }
            }
            4 => self.vm.pass(1),
            5 => {
                let times = [100, 1_000, 6_000, 31_000, 600_000, 3_600_000, 86_400_000];
                let time = times[self.steps.below(times.len())];
                self.vm.pass(time);
            }
            6 => self.answer_well(),
            7 => self.answer_ill(),
            8 => self.vm.answer_all(&|callout| good_answer(callout, &PUBLISHED)),
            9 => {
                let status = [0, 0, 2, 10][self.steps.below(4)];
                proxy::with(|proxy| proxy.faults.dispatch = status);
            }
            10 => {
                let status = [0, 0, 2, 10][self.steps.below(4)];
                let head = self.steps.flag().then(|| self.steps.text().to_vec());
                proxy::with(|proxy| (proxy.faults.edit, proxy.faults.head) = (status, head));
            }
            11 => self.other_worker(),
            12 => {
                let back = [1_000, 60_000, 90_000_000][self.steps.below(3)];
                self.vm.set_clock_back(back);
            }
            13 => self.reconfigure(),
            14 => self.vm.drop_idle_roots(self.root),
            _ => {
                let (metric, shared) = ([0, 10][self.steps.below(2)], [0, 0, 1, 10][self.steps.below(4)]);
                proxy::with(|proxy| {
                    (proxy.faults.metric, proxy.faults.shared) = (metric, shared);
                    proxy.served.is_disturbed |= shared != 0;
                });
            }
        }
    }

    fn pick_request(&mut self) -> Option<u32> {
        let index = self.steps.below(self.requests.len().max(1));
        self.requests.get(index).copied()
    }

    fn token(&mut self) -> Vec<u8> {
        match self.steps.byte() {
            kind @ 0..=15 => {
                self.usual.signer = usize::from(kind) % SIGNERS.len();
                let signer = &SIGNERS[self.usual.signer];
                mint::sign(signer, signer.algorithms()[0], self.header, &self.payload)
            }
            16 => self.document.clone(),
            17 => self.steps.text().to_vec(),
            _ => mint::token(self.header, &self.payload, &mut self.steps),
        }
    }

    fn request(&mut self) {
        if self.requests.len() < MAX_REQUESTS {
            let token = self.token();
            let place = Place::read(&mut self.steps);
            let path = match self.steps.byte() {
                kind @ 0..=9 => {
                    ["/", "/healthz", "/admin/x", "/catalog", "/api"][usize::from(kind) % 5].as_bytes()
                }
                _ => self.steps.text(),
            };
            (self.usual.place, self.usual.path) = (place, path.to_vec());
            let headers = place.bring(&token, path, &self.configurations[0]);
            let id = self.vm.request(self.root, headers, Some(token));
            self.requests.push(id);
        }
    }

    fn hostile_request(&mut self) {
        if self.requests.len() < MAX_REQUESTS {
            let mut headers = Vec::new();
            for _ in 0..self.steps.below(5) {
                let names: [&[u8]; 6] =
                    [b":path", b":method", b":authority", b"authorization", b"cookie", b"content-type"];
                let name = match self.steps.below(8) {
                    kind @ 0..6 => names[kind].to_vec(),
                    _ => self.steps.text().to_vec(),
                };
                let value = match self.steps.below(4) {
                    0 => [b"Bearer ", self.token().as_slice()].concat(),
                    _ => self.steps.text().to_vec(),
                };
                // No proxy hands on a header that ends in the middle of a line.
                if !name.is_empty() && !name.contains(&0) && !value.contains(&0) {
                    headers.push((name, value));
                }
            }
            let id = self.vm.request(self.root, headers, None);
            self.requests.push(id);
        }
    }

    fn answer_well(&mut self) {
        let callouts = self.vm.callouts();
        let index = self.steps.below(callouts.len().max(1));
        let sets: [&[usize]; 4] = [&PUBLISHED, &[NEXT], &[ED25519, NEXT], &[RSA]];
        let set = sets[self.steps.below(4)];
        if let Some((token, callout)) = callouts.get(index) {
            self.vm.answer(*token, good_answer(callout, set));
        }
    }

    fn answer_ill(&mut self) {
        let callouts = self.vm.callouts();
        let index = self.steps.below(callouts.len().max(1));
        let Some((token, callout)) = callouts.get(index) else { return };
        let good = good_answer(callout, &PUBLISHED);
        let response = match self.steps.below(6) {
            0 => Response::default(),
            1 => Response { headers: head_of_answer(self.steps.text()), ..good },
            2 => Response { headers: head_of_answer(b"200"), body: self.document.clone() },
            3 => Response { body: vec![b' '; 300_000], ..good },
            4 => {
                let mut body = good.body;
                mint::spoil(&mut body, &mut self.steps);
                Response { body, ..good }
            }
            _ => Response { headers: vec![(self.steps.text().to_vec(), self.steps.text().to_vec())], ..good },
        };
        self.vm.answer(*token, response);
    }

    /// Another worker, or another plugin, writes what it likes, or what another VM of the filter would write.
    fn other_worker(&mut self) {
        let keys: Vec<_> = proxy::with(|proxy| {
            proxy.shared.iter().map(|(key, (value, _))| (key.clone(), value.clone())).collect()
        });
        let index = self.steps.below(keys.len().max(1));
        let Some((key, value)) = keys.get(index) else { return };
        let mut written = value.clone();
        match self.steps.below(9) {
            0 => written.clear(),
            1 => written = self.steps.text().to_vec(),
            2 => written.clone_from(&self.document),
            3 => written.truncate(self.steps.below(65_536)),
            4 => {
                let index = self.steps.below(keys.len());
                written.clone_from(&keys[index].1);
            }
            6..=8 => return neighbour::act(&mut self.steps),
            _ => {
                let at = self.steps.below(65_536) % written.len().max(1);
                let bit = self.steps.byte() & 7;
                if let Some(byte) = written.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
        }
        proxy::with(|proxy| proxy.share_of_another(key, &written));
    }

    /// A new configuration: requests that wait under the old one are finished by it.
    fn reconfigure(&mut self) {
        let configuration = self.configurations[self.steps.below(2)].clone();
        if proxy::with(|proxy| proxy.roots.len()) >= MAX_PLUGINS {
            return;
        }
        if let Some(root) = self.vm.configure(&configuration, &configuration) {
            self.root = root;
        }
    }
}
