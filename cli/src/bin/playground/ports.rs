//! The four ports of the playground.

use std::net::{Ipv4Addr, SocketAddr};

/// First port when nobody asks for another; `envoy/local.yaml` is written for it.
pub(crate) const BASE_PORT: u16 = 10000;

/// The environment variable that moves the ports, also through `make run`.
pub(crate) const BASE_PORT_VARIABLE: &str = "PLAYGROUND_BASE_PORT";

/// What to do about a taken port besides freeing it.
pub(crate) const ALTERNATIVE: &str = "move all four ports, as in `PLAYGROUND_BASE_PORT=20000 make run`";

/// Where everything listens; on this machine only.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) envoy: SocketAddr,
    pub(crate) issuer: SocketAddr,
    pub(crate) upstream: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Ports {
    pub(crate) fn from_base(base: u16) -> Result<Self, String> {
        let port = |offset| {
            base.checked_add(offset)
                .filter(|_| base > 0)
                .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                .ok_or_else(|| {
                    format!("{BASE_PORT_VARIABLE}: {base} leaves no room for four ports; take 20000")
                })
        };
        Ok(Self { envoy: port(0)?, issuer: port(1)?, upstream: port(2)?, admin: port(3)? })
    }

    /// A configuration that is written for the usual ports, moved to these.
    pub(crate) fn move_config(&self, yaml: &str) -> String {
        // Marked first and filled in afterwards: a new port may be another's old one.
        let addresses = [self.envoy, self.issuer, self.upstream, self.admin];
        let mut moved = yaml.to_owned();
        for (port, mark) in (BASE_PORT..).zip(MARKS) {
            moved = moved.replace(&format!("port_value: {port}"), mark);
        }
        for (address, mark) in addresses.iter().zip(MARKS) {
            moved = moved.replace(mark, &format!("port_value: {}", address.port()));
        }
        moved
    }
}

/// Bytes that no YAML text has.
const MARKS: [&str; 4] = ["\0a", "\0b", "\0c", "\0d"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_moves_with_the_ports() {
        let yaml =
            "{ port_value: 10000 } { port_value: 10001 } 10002 { port_value: 10003 } { port_value: 443 }";
        let moved = Ports::from_base(10001).unwrap().move_config(yaml);
        assert_eq!(
            moved,
            "{ port_value: 10001 } { port_value: 10002 } 10002 { port_value: 10004 } { port_value: 443 }"
        );
        assert_eq!(Ports::from_base(BASE_PORT).unwrap().move_config(yaml), yaml);
    }

    #[test]
    fn four_ports_must_fit() {
        assert_eq!(Ports::from_base(65532).unwrap().admin.port(), 65535);
        assert!(Ports::from_base(65533).unwrap_err().contains(BASE_PORT_VARIABLE));
        assert!(Ports::from_base(0).is_err());
    }
}
