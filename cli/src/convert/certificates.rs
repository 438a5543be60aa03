//! `certificate-id`: certificates that were uploaded to API Management, as PEM files beside the configuration.

use std::collections::BTreeMap;

use validate_jwt::excerpt::Excerpt;

use super::{node::Node, report::Report};

/// What a policy does with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Its public key verifies signatures.
    Verify,
    /// Its private key decrypts tokens.
    Decrypt,
}

/// The certificates that policies name, and what for.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    needed: BTreeMap<String, Need>,
}

#[derive(Debug)]
struct Need {
    at: usize,
    decrypts: bool,
}

/// `certificates` of the configuration, and the variables that it reads.
pub(super) struct Written {
    /// The object, if a policy names a certificate.
    pub(super) node: Option<Node>,
    /// What the variables hold: private keys, which are not written out.
    pub(super) environment: BTreeMap<String, String>,
}

impl Certificates {
    /// A policy names the certificate `id`.
    pub(super) fn need(&mut self, id: &str, purpose: Use, at: usize) {
        let need = self.needed.entry(id.to_owned()).or_insert(Need { at, decrypts: false });
        need.decrypts |= purpose == Use::Decrypt;
    }

    /// What `certificates` says: from `files`, the PEM of each id. Private keys are named by a variable of the proxy's VM.
    pub(super) fn write(&self, files: &BTreeMap<String, String>, report: &mut Report) -> Written {
        let (mut members, mut environment) = (Vec::new(), BTreeMap::new());
        for (id, Need { at, decrypts }) in &self.needed {
            let name = Excerpt(id).to_string();
            let Some(file) = files.get(id) else {
                report.error(
                    *at,
                    format!(
                        "the certificate `{name}` lies in API Management; export it, turn it into PEM (`openssl pkcs12 -in FILE \
                         -nodes`) and give it by `--certificate {name}=FILE`"
                    ),
                );
                continue;
            };
            let (certificates, key) = split(file);
            let mut private_key = None;
            if *decrypts {
                let Some(key) = key else {
                    report.error(
                        *at,
                        format!(
                            "the file of the certificate `{name}` has no private key, which decrypts; put it into the file: it is \
                             checked, and not written out"
                        ),
                    );
                    continue;
                };
                let variable = variable_for(id, &environment);
                report.note(
                    *at,
                    format!(
                        "the private key is read from the variable `{variable}` of the proxy's VM; put it there, as PEM \
                         (`vm_config.environment_variables`, in Istio `vmConfig.env`)"
                    ),
                );
                private_key = Some(Node::text(*at, &variable));
                environment.insert(variable, key);
            }
            // What is no PEM is left to the filter to tell.
            let certificate =
                if certificates.is_empty() && private_key.is_none() { file } else { &certificates };
            let certificate = (!certificate.is_empty()).then(|| Node::text(*at, certificate));
            let members_of_id = [("certificate", certificate), ("private-key-from-env", private_key)];
            members.push((id.clone(), Some(Node::object(*at, members_of_id))));
        }
        for id in files.keys().filter(|id| !self.needed.contains_key(*id)) {
            report
                .warning(None, format!("no policy names the certificate `{}`; it is left out", Excerpt(id)));
        }
        let at = self.needed.values().next().map_or(0, |need| need.at);
        Written { node: (!members.is_empty()).then(|| Node::object(at, members)), environment }
    }
}

/// The certificates of a PEM file, and its first private key.
fn split(pem: &str) -> (String, Option<String>) {
    let (mut certificates, mut private_key) = (String::new(), None);
    let mut rest = pem;
    while let Some(start) = rest.find("-----BEGIN ") {
        let block = rest.get(start..).unwrap_or_default();
        let Some(label) = block.strip_prefix("-----BEGIN ").and_then(|after| after.split_once("-----"))
        else {
            break;
        };
        let end = format!("-----END {}-----", label.0);
        let Some(length) = block.find(&end).map(|index| index.saturating_add(end.len())) else { break };
        let (text, after) = block.split_at_checked(length).unwrap_or((block, ""));
        if label.0 == "CERTIFICATE" {
            certificates.push_str(text);
            certificates.push('\n');
        } else if label.0.ends_with("PRIVATE KEY") && private_key.is_none() {
            private_key = Some(format!("{text}\n"));
        }
        rest = after;
    }
    (certificates.replace('\r', ""), private_key)
}

/// `MY_CERT_PRIVATE_KEY` for `my-cert`.
fn variable_for(id: &str, taken: &BTreeMap<String, String>) -> String {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' }
    };
    let mut name: String = id.chars().map(plain).collect();
    name.push_str("_PRIVATE_KEY");
    while taken.contains_key(&name) {
        name.push('_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_apart() {
        let pem = "Bag Attributes\n-----BEGIN PRIVATE KEY-----\na\n-----END PRIVATE KEY-----\nsubject=x\r\n\
                   -----BEGIN CERTIFICATE-----\r\nb\r\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nc\n\
                   -----END CERTIFICATE-----\n-----BEGIN OTHER-----\n";
        let (certificates, key) = split(pem);
        assert_eq!(
            certificates,
            "-----BEGIN CERTIFICATE-----\nb\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nc\n\
             -----END CERTIFICATE-----\n"
        );
        assert_eq!(key.as_deref(), Some("-----BEGIN PRIVATE KEY-----\na\n-----END PRIVATE KEY-----\n"));
        assert_eq!(split("MIIB"), (String::new(), None));
    }

    #[test]
    fn variables_are_named_after_certificates() {
        let mut taken = BTreeMap::new();
        assert_eq!(variable_for("my-cert.1", &taken), "MY_CERT_1_PRIVATE_KEY");
        taken.insert("MY_CERT_1_PRIVATE_KEY".to_owned(), String::new());
        assert_eq!(variable_for("my_cert_1", &taken), "MY_CERT_1_PRIVATE_KEY_");
    }
}
