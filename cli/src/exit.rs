//! How the commands end, for scripts.

use std::process::ExitCode;

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: all is well; warnings do not count.
    Fine,
    /// 2: the request is refused.
    Denied,
    /// 3: the filter would refuse the configuration.
    BadConfiguration,
    /// 1: the question could not be answered: arguments, files, keys that are not to be had.
    Other,
}

impl Exit {
    /// The number of it.
    pub fn number(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Other => 1,
            Self::Denied => 2,
            Self::BadConfiguration => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}
